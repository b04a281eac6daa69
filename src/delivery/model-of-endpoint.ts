import { fail } from '../protocol/index.ts'
import type { FoundModel } from '../serving/index.ts'
import { ConfigError, readModelConfig } from '../serving/index.ts'
import type { PlacedVersion } from './endpoint-state.ts'

/** The versions that an endpoint has. */
export interface EndpointVersions {
  readonly active: PlacedVersion
  /** Earlier ones that are in memory. */
  readonly warm: readonly PlacedVersion[]
}

/** An endpoint as the manager of models takes it. Throws config_invalid for a version whose configuration is broken. */
export const modelOfEndpoint = async (name: string, { active, warm }: EndpointVersions): Promise<FoundModel> => {
  const { config, warnings } = await configOf(name, active.directory)
  const versions = await Promise.all(
    [active, ...warm].map(async ({ version, directory, digest }) => {
      const own = directory === active.directory ? config : (await configOf(name, directory)).config
      return { version, directory, fingerprint: digest, config: own }
    }),
  )
  return {
    name,
    directory: active.directory,
    config,
    warnings,
    problem: undefined,
    versions: versions.toSorted((a, b) => a.version - b.version),
    serve: { versions: versions.map(({ version }) => version), preferred: active.version },
  }
}

/** The configuration among a version's own files. */
const configOf = async (model: string, directory: string): ReturnType<typeof readModelConfig> => {
  try {
    return await readModelConfig(model, directory)
  } catch (error) {
    if (error instanceof ConfigError) throw fail('config_invalid', { model, reason: error.message }, error)
    throw error
  }
}
