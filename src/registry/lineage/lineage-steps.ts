import type { Queries, SqlRow, SqlValue } from '../../ports/index.ts'
import { chunks, placeholders } from '../sql.ts'
import type { LineageKind, NodeRef, RefEdge } from './lineage-node.ts'
import { aliasRef, datasetRef, parentTag, partsOf, versionRef } from './lineage-node.ts'

/** The edges of nodes of one kind, by their ids. */
type Step = (queries: Queries, ids: readonly string[]) => Promise<readonly RefEdge[]>

/** Most rows that one look-up takes; the graph is bounded further. */
export const rowsMax = 5000

const runRef = (id: string): NodeRef => ({ kind: 'run', id })
const modelRef = (id: string): NodeRef => ({ kind: 'logged_model', id })
const endpointRef = (id: string): NodeRef => ({ kind: 'endpoint', id })

/** Runs a statement with `IN (…)` where it says {ids}, in pieces. */
const among = async <Row extends SqlRow>(queries: Queries, sql: string, ids: readonly SqlValue[]): Promise<Row[]> => {
  const rows: Row[] = []
  for (const part of chunks(ids))
    rows.push(
      ...(await queries.query<Row>(`${sql.replace('{ids}', placeholders(part.length))} LIMIT ${rowsMax}`, part)),
    )
  return rows
}

/** The same for pairs, of a number and a number or two texts. */
const amongPairs = async <Row extends SqlRow>(
  queries: Queries,
  { sql, pair }: { readonly sql: string; readonly pair: string },
  pairs: readonly (readonly [SqlValue, SqlValue])[],
): Promise<Row[]> => {
  const rows: Row[] = []
  for (const part of chunks(pairs)) {
    const values = part.map(() => pair).join(', ')
    rows.push(...(await queries.query<Row>(`${sql.replace('{pairs}', values)} LIMIT ${rowsMax}`, part.flat())))
  }
  return rows
}

const numberPair = '(CAST(? AS BIGINT), CAST(? AS BIGINT))'
const textPair = '(CAST(? AS TEXT), CAST(? AS TEXT))'

const versionPairs = (ids: readonly string[]): [number, number][] =>
  ids.map((id) => {
    const [key, version] = partsOf(id, '/')
    return [Number(key), Number(version)]
  })

const datasetPairs = (ids: readonly string[]): [string, string][] =>
  ids.map((id) => {
    const [name, digest] = partsOf(id, '@')
    return [decodeURIComponent(name), decodeURIComponent(digest)]
  })

interface ReadRow extends Readonly<Record<string, string | null>> {
  readonly run_id: string
  readonly name: string
  readonly digest: string
  readonly context: string | null
}

const readEdge = ({ run_id: run, name, digest, context }: ReadRow): RefEdge => ({
  from: datasetRef(name, digest),
  to: runRef(run),
  kind: 'read',
  ...(context !== null && { context }),
})

const runsOfDatasets: Step = async (queries, ids) => {
  const sql = `SELECT i.run_id, d.name, d.digest, i.context FROM datasets d JOIN run_inputs i ON i.dataset_id = d.dataset_id
    WHERE (d.name, d.digest) IN (VALUES {pairs}) ORDER BY i.run_id, d.name, d.digest`
  return (await amongPairs<ReadRow>(queries, { sql, pair: textPair }, datasetPairs(ids))).map(readEdge)
}

const datasetsOfRuns: Step = async (queries, ids) => {
  const sql = `SELECT i.run_id, d.name, d.digest, i.context FROM run_inputs i JOIN datasets d ON d.dataset_id = i.dataset_id
    WHERE i.run_id IN ({ids}) ORDER BY i.run_id, d.name, d.digest`
  return (await among<ReadRow>(queries, sql, ids)).map(readEdge)
}

interface MadeRow extends Readonly<Record<string, string>> {
  readonly run_id: string
  readonly model_id: string
}

const modelEdge =
  (direction: 'input' | 'output') =>
  ({ run_id: run, model_id: model }: MadeRow): RefEdge =>
    direction === 'input'
      ? { from: modelRef(model), to: runRef(run), kind: 'read' }
      : { from: runRef(run), to: modelRef(model), kind: 'made' }

const runModels =
  (direction: 'input' | 'output', column: 'run_id' | 'model_id'): Step =>
  async (queries, ids) => {
    const sql = `SELECT run_id, model_id FROM run_models WHERE ${column} IN ({ids}) AND direction = '${direction}' ORDER BY run_id, model_id`
    return (await among<MadeRow>(queries, sql, ids)).map(modelEdge(direction))
  }

const sourceRuns =
  (column: 'source_run_id' | 'model_id'): Step =>
  async (queries, ids) => {
    const sql = `SELECT source_run_id AS run_id, model_id FROM logged_models WHERE ${column} IN ({ids}) AND source_run_id <> '' ORDER BY model_id`
    return (await among<MadeRow>(queries, sql, ids)).map(modelEdge('output'))
  }

const nestedRuns =
  (column: 'value' | 'run_id'): Step =>
  async (queries, ids) => {
    const sql = `SELECT run_id, value FROM run_tags WHERE key = '${parentTag}' AND ${column} IN ({ids}) ORDER BY run_id`
    const rows = await among<{ run_id: string; value: string }>(queries, sql, ids)
    return rows.map(({ run_id: run, value }) => ({ from: runRef(value), to: runRef(run), kind: 'started' }))
  }

interface CopyRow extends Readonly<Record<string, number>> {
  readonly model_key: number
  readonly version: number
  readonly source_key: number
  readonly source_version: number
}

const copies =
  (side: '(model_key, version)' | '(source_key, source_version)'): Step =>
  async (queries, ids) => {
    const sql = `SELECT model_key, version, source_key, source_version FROM version_copies WHERE ${side} IN (VALUES {pairs}) ORDER BY model_key, version`
    const rows = await amongPairs<CopyRow>(queries, { sql, pair: numberPair }, versionPairs(ids))
    return rows.map((row) => ({
      from: versionRef(row.source_key, row.source_version),
      to: versionRef(row.model_key, row.version),
      kind: 'copied',
    }))
  }

/** Versions that are no copies, with the logged model or else the run that they came of. */
const firstHand = `SELECT v.model_key, v.version, v.run_id, v.model_id FROM model_versions v
  WHERE NOT EXISTS (SELECT 1 FROM version_copies c WHERE c.model_key = v.model_key AND c.version = v.version)`

interface FirstHandRow extends Readonly<Record<string, string | number>> {
  readonly model_key: number
  readonly version: number
  readonly run_id: string
  readonly model_id: string
}

const originOf = (row: FirstHandRow): RefEdge[] => {
  const to = versionRef(row.model_key, row.version)
  if (row.model_id !== '') return [{ from: modelRef(row.model_id), to, kind: 'registered' }]
  return row.run_id === '' ? [] : [{ from: runRef(row.run_id), to, kind: 'made' }]
}

const versionsOfRuns: Step = async (queries, ids) => {
  const sql = `${firstHand} AND v.run_id IN ({ids}) AND v.model_id = '' ORDER BY v.model_key, v.version`
  return (await among<FirstHandRow>(queries, sql, ids)).flatMap(originOf)
}

const versionsOfModels: Step = async (queries, ids) => {
  const sql = `${firstHand} AND v.model_id IN ({ids}) ORDER BY v.model_key, v.version`
  return (await among<FirstHandRow>(queries, sql, ids)).flatMap(originOf)
}

const originsOfVersions: Step = async (queries, ids) => {
  const sql = `${firstHand} AND (v.model_key, v.version) IN (VALUES {pairs}) ORDER BY v.model_key, v.version`
  return (await amongPairs<FirstHandRow>(queries, { sql, pair: numberPair }, versionPairs(ids))).flatMap(originOf)
}

interface NamedRow extends Readonly<Record<string, string | number>> {
  readonly model_key: number
  readonly version: number
}

const namedEdge = ({ model_key: key, version, alias }: NamedRow & { readonly alias: string }): RefEdge => ({
  from: versionRef(key, version),
  to: aliasRef(key, alias),
  kind: 'named',
})

const aliasesOfVersions: Step = async (queries, ids) => {
  const sql = `SELECT model_key, version, alias FROM model_aliases WHERE (model_key, version) IN (VALUES {pairs}) ORDER BY alias`
  const rows = await amongPairs<NamedRow & { alias: string }>(queries, { sql, pair: numberPair }, versionPairs(ids))
  return rows.map(namedEdge)
}

const versionsOfAliases: Step = async (queries, ids) => {
  const edges: RefEdge[] = []
  for (const id of ids) {
    const [key, alias] = partsOf(id, '@')
    const rows = await queries.query<NamedRow & { alias: string }>(
      'SELECT model_key, version, alias FROM model_aliases WHERE model_key = ? AND alias = ?',
      [Number(key), alias],
    )
    edges.push(...rows.map(namedEdge))
  }
  return edges
}

const usedEdge = ({ model_key: key, version, owner }: NamedRow & { readonly owner: string }): RefEdge => ({
  from: versionRef(key, version),
  to: endpointRef(owner),
  kind: 'used',
})

const usersOfVersions: Step = async (queries, ids) => {
  const sql = `SELECT model_key, version, owner FROM version_uses WHERE (model_key, version) IN (VALUES {pairs}) ORDER BY owner`
  const rows = await amongPairs<NamedRow & { owner: string }>(queries, { sql, pair: numberPair }, versionPairs(ids))
  return rows.map(usedEdge)
}

const versionsOfEndpoints: Step = async (queries, ids) => {
  const sql = 'SELECT model_key, version, owner FROM version_uses WHERE owner IN ({ids}) ORDER BY model_key, version'
  return (await among<NamedRow & { owner: string }>(queries, sql, ids)).map(usedEdge)
}

type Steps = Readonly<Record<LineageKind, readonly Step[]>>

/** What came of nodes of each kind. */
export const downstream: Steps = {
  dataset: [runsOfDatasets],
  run: [runModels('output', 'run_id'), sourceRuns('source_run_id'), versionsOfRuns, nestedRuns('value')],
  logged_model: [runModels('input', 'model_id'), versionsOfModels],
  version: [copies('(source_key, source_version)'), aliasesOfVersions, usersOfVersions],
  alias: [],
  endpoint: [],
}

/** What nodes of each kind came of. */
export const upstream: Steps = {
  dataset: [],
  run: [datasetsOfRuns, runModels('input', 'run_id'), nestedRuns('run_id')],
  logged_model: [runModels('output', 'model_id'), sourceRuns('model_id')],
  version: [copies('(model_key, version)'), originsOfVersions],
  alias: [versionsOfAliases],
  endpoint: [versionsOfEndpoints],
}
