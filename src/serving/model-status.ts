import type { ModelEntry } from './model-entry.ts'
import type { VersionFacts } from './served-version.ts'
import type { VersionState } from './serving-events.ts'

export interface VersionStatus {
  readonly version: number
  readonly state: VersionState
  /** Why the version is in this state; empty when there is nothing to say. */
  readonly reason: string
  /** Not in memory, but the next request for it loads it. */
  readonly onDemand: boolean
  readonly facts: VersionFacts | undefined
  readonly instances: number
  readonly queueDepth: number
  readonly outstanding: number
  readonly lastCrash: string | undefined
}

export interface ModelStatus {
  readonly name: string
  /** Why the model as a whole can't be loaded. */
  readonly problem: string | undefined
  /** Its versions are being brought, so what it has for a problem will pass. */
  readonly isComing: boolean
  /** A version is not in memory, but the next request for it loads it. */
  readonly onDemand: boolean
  readonly versions: readonly VersionStatus[]
  /** The version that answers when none is named; undefined while none is in memory. */
  readonly answers: number | undefined
}

export const modelStatus = (entry: ModelEntry): ModelStatus => ({
  name: entry.name,
  problem: entry.problem,
  isComing: entry.isComing,
  onDemand: entry.onDemand,
  answers: entry.newest?.version,
  versions: [...entry.versions.values()]
    .sort((a, b) => a.version - b.version)
    .map((slot) => {
      const served = slot.current
      return {
        version: slot.version,
        state: served?.unavailable === undefined ? slot.state : 'unavailable',
        reason: served?.unavailable ?? slot.reason,
        onDemand: slot.onDemand,
        facts: served?.facts,
        instances: served?.instances.length ?? 0,
        queueDepth: served?.queueDepth ?? 0,
        outstanding: served?.outstanding ?? 0,
        lastCrash: served?.lastCrash,
      }
    }),
})
