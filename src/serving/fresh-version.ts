import type { VersionSlot } from './model-entry.ts'
import type { FoundVersion } from './model-source.ts'
import type { ServedVersion } from './served-version.ts'

/** A version that could serve, but doesn't yet. */
export interface FreshVersion {
  readonly slot: VersionSlot
  readonly found: FoundVersion
  readonly version: ServedVersion
  /** Gives up the memory reserved for the load. */
  release(): void
}
