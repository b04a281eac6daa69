import type { VersionPolicy } from './model-config/model-config.ts'

/** The versions of a model that should be served, of those that exist, in ascending order. */
export const wantedVersions = (existing: readonly number[], policy: VersionPolicy): number[] => {
  const ascending = [...new Set(existing)].sort((a, b) => a - b)
  switch (policy.kind) {
    case 'all':
      return ascending
    case 'specific':
      return ascending.filter((version) => policy.versions.includes(version))
    case 'latest':
      return ascending.slice(-policy.numVersions)
  }
}
