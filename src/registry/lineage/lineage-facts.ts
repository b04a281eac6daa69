import type { Queries } from '../../ports/index.ts'
import { chunks, placeholders } from '../sql.ts'
import type { LineageNode, NodeRef } from './lineage-node.ts'
import { partsOf, refKey } from './lineage-node.ts'

type Facts = LineageNode['facts']

/** Tags of a run that tell what code it ran, and the names that they get. */
const codeTags: ReadonlyMap<string, string> = new Map([
  ['mlflow.source.git.commit', 'gitCommit'],
  ['mlflow.source.git.branch', 'gitBranch'],
  ['mlflow.source.git.repoURL', 'gitRepository'],
  ['mlflow.source.git.dirty', 'gitDirty'],
  ['mlflow.source.name', 'sourceName'],
  ['mlflow.source.type', 'sourceType'],
])

type FactRow = Readonly<Record<string, string | number | null>>

/** The columns that have a value. */
const present = (row: FactRow): Record<string, string | number> =>
  Object.fromEntries(
    Object.entries(row).filter((entry): entry is [string, string | number] => entry[1] !== null && entry[1] !== ''),
  )

const runFacts = async (queries: Queries, ids: readonly string[], facts: Map<string, Facts>): Promise<void> => {
  const rows = await queries.query<FactRow & { id: string }>(
    `SELECT run_id AS id, name, experiment_id, user_id, status, start_time, end_time, lifecycle_stage FROM runs WHERE run_id IN (${placeholders(ids.length)})`,
    ids,
  )
  const code = new Map<string, Record<string, string>>()
  const keys = [...codeTags.keys()]
  const tags = await queries.query<{ run_id: string; key: string; value: string }>(
    `SELECT run_id, key, value FROM run_tags WHERE run_id IN (${placeholders(ids.length)}) AND key IN (${placeholders(keys.length)})`,
    [...ids, ...keys],
  )
  for (const { run_id: run, key, value } of tags) code.set(run, { ...code.get(run), [codeTags.get(key) ?? key]: value })
  for (const { id, ...row } of rows)
    facts.set(refKey({ kind: 'run', id }), {
      ...present({
        name: row['name'] ?? null,
        experimentId: String(row['experiment_id']),
        userId: row['user_id'] ?? null,
        status: row['status'] ?? null,
        startTime: row['start_time'] ?? null,
        endTime: row['end_time'] ?? null,
        lifecycleStage: row['lifecycle_stage'] ?? null,
      }),
      ...code.get(id),
    })
}

const loggedModelFacts = async (queries: Queries, ids: readonly string[], facts: Map<string, Facts>): Promise<void> => {
  const rows = await queries.query<FactRow & { model_id: string; experiment_id: number; creation_time: number }>(
    `SELECT model_id, name, experiment_id, status, model_type, creation_time, lifecycle_stage FROM logged_models WHERE model_id IN (${placeholders(ids.length)})`,
    ids,
  )
  for (const row of rows)
    facts.set(
      refKey({ kind: 'logged_model', id: row.model_id }),
      present({
        name: row['name'] ?? null,
        experimentId: String(row.experiment_id),
        status: row['status'] ?? null,
        modelType: row['model_type'] ?? null,
        creationTime: row.creation_time,
        lifecycleStage: row['lifecycle_stage'] ?? null,
      }),
    )
}

const datasetFacts = async (queries: Queries, ids: readonly string[], facts: Map<string, Facts>): Promise<void> => {
  for (const id of ids) {
    const [name = '', digest = ''] = partsOf(id, '@').map(decodeURIComponent)
    const [row] = await queries.query<{ source_type: string; source: string }>(
      'SELECT source_type, source FROM datasets WHERE name = ? AND digest = ? ORDER BY dataset_id LIMIT 1',
      [name, digest],
    )
    if (row !== undefined)
      facts.set(
        refKey({ kind: 'dataset', id }),
        present({ name, digest, sourceType: row.source_type, source: row.source }),
      )
  }
}

const versionFacts = async (queries: Queries, ids: readonly string[], facts: Map<string, Facts>): Promise<void> => {
  for (const id of ids) {
    const [key, version] = partsOf(id, '/')
    const [row] = await queries.query<FactRow>(
      `SELECT m.name AS model, v.version, v.current_stage AS stage, v.status, v.user_id AS "userId", v.source, v.creation_time AS "creationTime"
       FROM model_versions v JOIN registered_models m ON m.model_key = v.model_key WHERE v.model_key = ? AND v.version = ?`,
      [Number(key), Number(version)],
    )
    if (row !== undefined) facts.set(refKey({ kind: 'version', id }), present(row))
  }
}

const aliasFacts = async (queries: Queries, ids: readonly string[], facts: Map<string, Facts>): Promise<void> => {
  for (const id of ids) {
    const [key, alias] = partsOf(id, '@')
    const [row] = await queries.query<FactRow>(
      `SELECT m.name AS model, a.alias, a.version FROM model_aliases a JOIN registered_models m ON m.model_key = a.model_key
       WHERE a.model_key = ? AND a.alias = ?`,
      [Number(key), alias],
    )
    if (row !== undefined) facts.set(refKey({ kind: 'alias', id }), present(row))
  }
}

const readers = {
  run: runFacts,
  logged_model: loggedModelFacts,
  dataset: datasetFacts,
  version: versionFacts,
  alias: aliasFacts,
} as const

/** What is to be known of nodes, by their keys; nothing for those that the database doesn't have. */
export const lineageFacts = async (queries: Queries, refs: readonly NodeRef[]): Promise<ReadonlyMap<string, Facts>> => {
  const facts = new Map<string, Facts>()
  for (const [kind, read] of Object.entries(readers)) {
    const ids = refs.filter((ref) => ref.kind === kind).map(({ id }) => id)
    for (const part of chunks(ids)) await read(queries, part, facts)
  }
  for (const ref of refs) if (ref.kind === 'endpoint') facts.set(refKey(ref), { owner: ref.id })
  return facts
}
