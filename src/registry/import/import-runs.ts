import type { Queries } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import type { ImportedPoints, ImportedPointsOutcome, ImportedRun, ImportOutcome } from '../../protocol/index.ts'
import { numberOf } from '../experiment-store.ts'
import { excerpt, limits, requireKey } from '../limits.ts'
import { requireRunId } from '../run-id.ts'
import { putInput, putModel, requireMetric, touchSeries } from '../run-log.ts'
import type { Metric } from '../run.ts'
import { storedValue } from '../run.ts'
import { requireRemoteLocation } from '../source-uri.ts'
import { placeholders } from '../sql.ts'
import { digestOf, outcomeOfTaken, putMark, readMark } from './import-marks.ts'

export interface Place {
  readonly nowMs: number
  /** Where the artifacts of an experiment are that this server keeps. */
  defaultArtifactLocation(experimentId: string): string
}

/** The experiment that something is imported to. */
export const requireExperiment = async (tx: Queries, experimentId: string): Promise<number> => {
  const id = numberOf(experimentId) ?? -1
  const [row] = await tx.query('SELECT 1 AS there FROM experiments WHERE experiment_id = ?', [id])
  if (row === undefined)
    throw fail('resource_missing', { reason: `No Experiment with id=${excerpt(experimentId)} exists` })
  return id
}

export const takeRun = async (tx: Queries, run: ImportedRun, place: Place): Promise<ImportOutcome> => {
  const runId = requireRunId(run.runId)
  requireLengths(run)
  const digest = digestOf(run)
  const [taken] = await tx.query('SELECT 1 AS taken FROM runs WHERE run_id = ?', [runId])
  if (taken !== undefined)
    return outcomeOfTaken(await readMark(tx, 'run', runId), { digest, id: runId, what: `run ${runId}` })
  const experimentId = await requireExperiment(tx, run.experimentId)
  const folder = `${place.defaultArtifactLocation(run.experimentId)}/${runId}/artifacts`
  const isDeleted = run.lifecycleStage === 'deleted'
  await tx.query(
    `INSERT INTO runs (run_id, experiment_id, name, user_id, status, start_time, end_time, deleted_time, lifecycle_stage,
       artifact_uri) VALUES (${placeholders(10)})`,
    [
      runId,
      experimentId,
      run.name,
      run.userId,
      run.status,
      run.startTime ?? null,
      run.endTime ?? null,
      isDeleted ? (run.deletedTime ?? place.nowMs) : null,
      run.lifecycleStage,
      run.artifactUri ?? folder,
    ],
  )
  await putPairs(tx, 'params', run)
  await putPairs(tx, 'tags', run)
  for (const { tags, schema, profile, ...dataset } of run.inputs)
    await putInput(tx, runId, experimentId, { dataset: { ...dataset, schema, profile }, tags })
  await tx.executeMany(putModel, [
    ...run.modelInputs.map(({ modelId }) => [runId, modelId, 'input', 0]),
    ...run.modelOutputs.map(({ modelId, step }) => [runId, modelId, 'output', step]),
  ])
  await putMark(tx, { kind: 'run', id: runId, digest }, place.nowMs)
  return { outcome: 'created', id: runId }
}

/** Values stay whole, also those longer than a client may log: what is imported is what was there. */
const requireLengths = (run: ImportedRun): void => {
  if (run.name.length > limits.runTagValue || run.userId.length > limits.runTagValue)
    throw fail('invalid_parameter', { reason: `The name or the user of run ${run.runId} is too long.` })
  if (run.artifactUri !== undefined) requireRemoteLocation(run.artifactUri)
  for (const { key } of run.params) requireKey('Param', key)
  for (const { key } of run.tags) requireKey('Tag', key)
}

const putPairs = (tx: Queries, kind: 'params' | 'tags', run: ImportedRun): Promise<void> => {
  const table = kind === 'params' ? 'params' : 'run_tags'
  return tx.executeMany(
    `INSERT INTO ${table} (run_id, key, value) VALUES (?, ?, ?) ON CONFLICT (run_id, key) DO NOTHING`,
    run[kind].map(({ key, value }) => [run.runId, key, value]),
  )
}

/** Rows of one statement: databases bound its arguments, five a row. */
const rowsAtOnce = 100

/** Adds points that aren't there. Only runs that an import made take them. */
export const takePoints = async (tx: Queries, points: ImportedPoints): Promise<ImportedPointsOutcome> => {
  const { runId, key } = points
  const metrics = metricsOf(points)
  for (const metric of metrics) requireMetric(metric)
  if ((await readMark(tx, 'run', requireRunId(runId))) === undefined)
    throw fail('resource_missing', { reason: `run ${runId} was not imported` })
  const series = (await touchSeries(tx, runId, metrics)).get(key) ?? null
  let added = 0
  for (let at = 0; at < metrics.length; at += rowsAtOnce) {
    const rows = metrics.slice(at, at + rowsAtOnce)
    const put = await tx.query(
      `INSERT INTO metric_points (series_id, step, timestamp, value, is_nan)
       VALUES ${rows.map(() => '(?, ?, ?, ?, ?)').join(', ')} ON CONFLICT DO NOTHING RETURNING is_nan`,
      rows.flatMap(({ step, timestamp, value }) => [
        series,
        step,
        timestamp,
        storedValue(value),
        Number.isNaN(value) ? 1 : 0,
      ]),
    )
    added += put.length
  }
  return { outcome: added === 0 ? 'present' : 'created', id: runId, added }
}

const metricsOf = ({ key, steps, timestamps, values }: ImportedPoints): Metric[] => {
  if (steps.length !== timestamps.length || steps.length !== values.length)
    throw fail('invalid_parameter', { reason: `The columns of metric '${excerpt(key)}' have different lengths.` })
  return steps.map((step, index) => ({
    key,
    step,
    timestamp: timestamps[index] ?? 0,
    value: Number(values[index]),
  }))
}
