import type { Tag } from './experiment.ts'

export const stages = ['None', 'Staging', 'Production', 'Archived'] as const
export type Stage = (typeof stages)[number]

export interface Alias {
  readonly alias: string
  readonly version: number
}

export type VersionStatus = 'READY' | 'PENDING_REGISTRATION' | 'FAILED_REGISTRATION'

export interface ModelVersion {
  readonly name: string
  readonly version: number
  readonly creationTime: number
  readonly lastUpdatedTime: number
  readonly description: string
  readonly userId: string
  readonly stage: Stage
  /** As the caller sent it. */
  readonly source: string
  /** Where the files are; never shown but by the download address. */
  readonly storageLocation: string
  readonly runId: string
  readonly runLink: string
  readonly status: VersionStatus
  readonly statusMessage: string
  /** The logged model that it was made of; empty for none. */
  readonly modelId: string
  readonly tags: readonly Tag[]
  readonly aliases: readonly string[]
}

export interface RegisteredModel {
  readonly name: string
  readonly description: string
  readonly creationTime: number
  readonly lastUpdatedTime: number
  readonly tags: readonly Tag[]
  readonly aliases: readonly Alias[]
  /** The newest version of each stage. */
  readonly latestVersions: readonly ModelVersion[]
}
