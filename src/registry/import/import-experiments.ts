import type { Queries, SqlDialect } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import type { ImportedExperiment, ImportOutcome } from '../../protocol/index.ts'
import { requireKey, requireLength } from '../limits.ts'
import { limits } from '../limits.ts'
import { requireRemoteLocation } from '../source-uri.ts'
import { digestOf } from './import-marks.ts'

/** Ids beyond this don't stay: the next one that the database gives would follow them. */
const idKept = /^\d{1,9}$/

export interface ImportedPlace {
  readonly dialect: SqlDialect
  readonly nowMs: number
  defaultArtifactLocation(experimentId: string): string
}

/** What an experiment is known by when it comes again: renamed or with other tags it is the same. */
const originOf = ({ experimentId, creationTime, name }: ImportedExperiment): string =>
  `${experimentId} ${creationTime ?? name}`

/**
 * Takes an experiment in. One that came before keeps the id that it got; one whose name is taken becomes one with that
 * experiment; any other keeps its id where that is free.
 */
export const takeExperiment = async (
  tx: Queries,
  experiment: ImportedExperiment,
  place: ImportedPlace,
): Promise<ImportOutcome & { readonly isNew?: true }> => {
  requireWhole(experiment)
  const { lastUpdateTime: _, ...content } = experiment
  const digest = digestOf(content)
  const [known] = await tx.query<{ experiment_id: number; digest: string }>(
    'SELECT experiment_id, digest FROM imported_experiments WHERE origin = ?',
    [originOf(experiment)],
  )
  if (known !== undefined) {
    const id = String(known.experiment_id)
    if (known.digest === digest) return { outcome: 'present', id }
    return { outcome: 'conflict', id, reason: `experiment ${id} was imported with other content` }
  }
  const joined = await join(tx, experiment)
  if (joined?.id === undefined && joined !== undefined) return joined
  const id = joined?.id ?? (await insert(tx, experiment, place))
  await tx.query(
    'INSERT INTO imported_experiments (origin, experiment_id, digest, imported_time) VALUES (?, ?, ?, ?)',
    [originOf(experiment), Number(id), digest, place.nowMs],
  )
  return joined ?? { outcome: 'created', id, isNew: true }
}

const requireWhole = ({ name, artifactLocation, tags }: ImportedExperiment): void => {
  if (name.trim() === '') throw fail('invalid_parameter', { reason: 'Experiment name must be a non-empty string.' })
  requireLength('Experiment name', name, limits.experimentName)
  if (artifactLocation !== undefined) requireRemoteLocation(artifactLocation)
  for (const tag of tags) requireKey('Tag', tag.key)
}

/** The experiment of that name, which takes the runs; undefined when the name is free. */
const join = async (tx: Queries, { name, lifecycleStage }: ImportedExperiment): Promise<ImportOutcome | undefined> => {
  const [row] = await tx.query<{ experiment_id: number; lifecycle_stage: string }>(
    'SELECT experiment_id, lifecycle_stage FROM experiments WHERE name = ?',
    [name],
  )
  if (row === undefined) return undefined
  if (row.lifecycle_stage === 'deleted' && lifecycleStage === 'active')
    return {
      outcome: 'conflict',
      reason: `an experiment named '${name}' is deleted here; restore it, or give it another name`,
    }
  return { outcome: 'present', id: String(row.experiment_id), reason: 'joined with the experiment of that name' }
}

const insert = async (tx: Queries, experiment: ImportedExperiment, place: ImportedPlace): Promise<string> => {
  const { name, lifecycleStage, creationTime = place.nowMs, lastUpdateTime = creationTime } = experiment
  const kept = idKept.test(experiment.experimentId)
    ? await freeId(tx, Number(experiment.experimentId), place)
    : undefined
  const columns = 'name, artifact_location, lifecycle_stage, creation_time, last_update_time'
  const args = [name, experiment.artifactLocation ?? '', lifecycleStage, creationTime, lastUpdateTime]
  const [row] = await tx.query<{ experiment_id: number }>(
    kept === undefined
      ? `INSERT INTO experiments (${columns}) VALUES (?, ?, ?, ?, ?) RETURNING experiment_id`
      : `INSERT INTO experiments (${columns}, experiment_id) VALUES (?, ?, ?, ?, ?, ?) RETURNING experiment_id`,
    kept === undefined ? args : [...args, kept],
  )
  const id = String(row?.experiment_id)
  if (experiment.artifactLocation === undefined)
    await tx.query('UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?', [
      place.defaultArtifactLocation(id),
      Number(id),
    ])
  await tx.executeMany(
    'INSERT INTO experiment_tags (experiment_id, key, value) VALUES (?, ?, ?) ON CONFLICT (experiment_id, key) DO NOTHING',
    experiment.tags.map(({ key, value }) => [Number(id), key, value]),
  )
  return id
}

/** The id when it is free; Postgres then counts on behind it, as SQLite does by itself. */
const freeId = async (tx: Queries, id: number, { dialect }: ImportedPlace): Promise<number | undefined> => {
  // Why: whoever makes an experiment meanwhile would be given the id that is about to be taken.
  if (dialect === 'postgres') await tx.query('LOCK TABLE experiments IN EXCLUSIVE MODE')
  const taken = await tx.query('SELECT 1 AS taken FROM experiments WHERE experiment_id = ?', [id])
  if (taken.length > 0) return undefined
  if (dialect === 'postgres')
    await tx.query(
      `SELECT setval(pg_get_serial_sequence('experiments', 'experiment_id'),
         GREATEST(CAST(? AS BIGINT), (SELECT COALESCE(MAX(experiment_id), 1) FROM experiments), 1)) AS last`,
      [id],
    )
  return id
}
