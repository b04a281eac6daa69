import type { BatchDone } from './version-scheduler.ts'
import type { ServedVersion } from './served-version.ts'

export type VersionState = 'loading' | 'ready' | 'unloading' | 'unavailable'

/** What serving tells the rest of the server, once per business event; monitoring turns it into metrics and logs. */
export interface ServingEvents {
  batchDone(version: ServedVersion, batch: BatchDone): void
  hostCrashed(version: ServedVersion, reason: string): void
  quarantined(version: ServedVersion): void
  versionState(model: string, version: number, state: VersionState): void
  versionLoaded(version: ServedVersion): void
  versionGone(model: string, version: number): void
}
