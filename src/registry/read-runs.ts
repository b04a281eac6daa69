import type { Queries } from '../ports/index.ts'
import type { Tag } from './experiment.ts'
import type { Metric, Param, Run, RunInfo, RunInput } from './run.ts'
import { chunks, placeholders } from './sql.ts'

interface RunParts {
  readonly info: RunInfo
  readonly metrics: Metric[]
  readonly params: Param[]
  readonly tags: Tag[]
  readonly inputs: RunInput[]
  readonly modelInputs: { modelId: string }[]
  readonly modelOutputs: { modelId: string; step: number }[]
}

interface Owned extends Readonly<Record<string, string | number | null>> {
  readonly run_id: string
}

/** Completes runs with what they logged: one statement a kind for up to 500 runs. */
export const readRuns = async (queries: Queries, infos: readonly RunInfo[]): Promise<Run[]> => {
  const runs = new Map<string, RunParts>(
    infos.map((info) => [
      info.runId,
      { info, metrics: [], params: [], tags: [], inputs: [], modelInputs: [], modelOutputs: [] },
    ]),
  )
  for (const ids of chunks([...runs.keys()])) {
    const list = placeholders(ids.length)
    const each = async <Row extends Owned>(sql: string, take: (run: RunParts, row: Row) => void): Promise<void> => {
      for (const row of await queries.query<Row>(sql.replace('(?)', `(${list})`), ids)) {
        const run = runs.get(row.run_id)
        if (run !== undefined) take(run, row)
      }
    }
    await each<MetricRow>(
      'SELECT run_id, key, latest_value, latest_is_nan, latest_step, latest_timestamp FROM metric_series WHERE run_id IN (?) ORDER BY run_id, key',
      (run, row) =>
        run.metrics.push({
          key: row.key,
          value: row.latest_is_nan === 1 ? NaN : row.latest_value,
          timestamp: row.latest_timestamp,
          step: row.latest_step,
        }),
    )
    await each<PairRow>('SELECT run_id, key, value FROM params WHERE run_id IN (?) ORDER BY run_id, key', (run, row) =>
      run.params.push({ key: row.key, value: row.value }),
    )
    await each<PairRow>(
      'SELECT run_id, key, value FROM run_tags WHERE run_id IN (?) ORDER BY run_id, key',
      (run, row) => run.tags.push({ key: row.key, value: row.value }),
    )
    await each<InputRow>(
      'SELECT i.run_id, i.tags, d.name, d.digest, d.source_type, d.source, d.schema, d.profile FROM run_inputs i JOIN datasets d ON d.dataset_id = i.dataset_id WHERE i.run_id IN (?) ORDER BY i.run_id, d.dataset_id',
      (run, row) => run.inputs.push(inputOf(row)),
    )
    await each<ModelRow>(
      'SELECT run_id, model_id, direction, step FROM run_models WHERE run_id IN (?) ORDER BY run_id, step, model_id',
      (run, row) => {
        if (row.direction === 'input') run.modelInputs.push({ modelId: row.model_id })
        else run.modelOutputs.push({ modelId: row.model_id, step: row.step })
      },
    )
  }
  return [...runs.values()]
}

interface MetricRow extends Owned {
  readonly key: string
  readonly latest_value: number
  readonly latest_is_nan: number
  readonly latest_step: number
  readonly latest_timestamp: number
}

interface PairRow extends Owned {
  readonly key: string
  readonly value: string
}

interface ModelRow extends Owned {
  readonly model_id: string
  readonly direction: string
  readonly step: number
}

interface InputRow extends Owned {
  readonly tags: string
  readonly name: string
  readonly digest: string
  readonly source_type: string
  readonly source: string
  readonly schema: string | null
  readonly profile: string | null
}

const inputOf = (row: InputRow): RunInput => ({
  dataset: {
    name: row.name,
    digest: row.digest,
    sourceType: row.source_type,
    source: row.source,
    schema: row.schema ?? undefined,
    profile: row.profile ?? undefined,
  },
  tags: JSON.parse(row.tags) as Tag[],
})
