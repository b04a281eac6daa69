import type { ImportedVersion, StageName } from '../../protocol/index.ts'
import { referenceOf } from './artifact-places.ts'
import { Unusable } from './read-yaml.ts'

/** A version as both kinds of source have it. */
export interface SourceVersion {
  readonly name: string
  readonly version: number
  readonly creationTime: number
  readonly lastUpdatedTime: number | undefined
  readonly description: string | undefined
  readonly userId: string | undefined
  readonly stage: string | undefined
  readonly source: string
  readonly storageLocation: string | undefined
  readonly runId: string | undefined
  readonly runLink: string | undefined
  readonly modelId: string | undefined
  readonly status: string | undefined
  readonly statusMessage: string | undefined
  readonly tags: ImportedVersion['tags']
}

/** What MLflow calls a version that was deleted, whose row stays. */
export const deletedStage = 'Deleted_Internal'

const stages = ['None', 'Staging', 'Production', 'Archived'] as const
const statuses = ['READY', 'PENDING_REGISTRATION', 'FAILED_REGISTRATION'] as const

/**
 * The record that is sent. A source that names a folder of the old machine becomes one of this server's, by the run or
 * the logged model that the folder belongs to. Throws Unusable when it belongs to none.
 */
export const versionRecord = (given: SourceVersion): ImportedVersion => {
  const isPrompt = given.tags.some(({ key, value }) => key === 'mlflow.prompt.is_prompt' && value === 'true')
  const base = {
    name: given.name,
    version: given.version,
    creationTime: given.creationTime,
    lastUpdatedTime: given.lastUpdatedTime ?? given.creationTime,
    description: given.description ?? '',
    userId: given.userId ?? '',
    stage: stageOf(given.stage),
    runId: given.runId ?? '',
    runLink: given.runLink ?? '',
    modelId: given.modelId ?? '',
    status: statuses.find((status) => status === given.status) ?? 'READY',
    statusMessage: given.statusMessage ?? '',
    tags: given.tags,
  }
  if (isPrompt) return { ...base, source: given.source }
  const location = referenceOf(given.storageLocation ?? given.source) ?? referenceOf(given.source)
  if (location === undefined)
    throw new Unusable(
      `its files are at '${given.storageLocation ?? given.source}', which belongs to no run or logged model`,
    )
  return { ...base, location, ...(referenceOf(given.source) === given.source ? { source: given.source } : {}) }
}

const stageOf = (stage: string | undefined): StageName => {
  const found = stages.find((each) => each.toLowerCase() === (stage ?? 'None').toLowerCase())
  if (found === undefined) throw new Unusable(`its stage '${String(stage)}' is not known`)
  return found
}
