import type { Queries, SqlValue } from '../../ports/index.ts'
import { numberOf } from '../experiment-store.ts'
import { placeholders } from '../sql.ts'
import { folderOf } from '../version-seals.ts'
import type { Candidate, GarbageQuery } from './garbage.ts'

type Named = Pick<GarbageQuery, 'runIds' | 'loggedModelIds' | 'experimentIds'>

const namesAny = ({ runIds = [], loggedModelIds = [], experimentIds = [] }: Named): boolean =>
  runIds.length + loggedModelIds.length + experimentIds.length > 0

interface Page {
  /** The last one of the page before; '' at the start. */
  readonly after: string
  readonly most: number
}

interface Row extends Readonly<Record<string, SqlValue>> {
  readonly id: string | number
  readonly name: string
  readonly place: string
  readonly stage: string
  readonly time: number | null
}

const candidateOf =
  (kind: Candidate['kind']) =>
  ({ id, name, place, stage, time }: Row): Candidate => ({
    kind,
    id: String(id),
    name,
    folder: folderOf(place),
    deletedMs: stage === 'deleted' ? (time ?? 0) : undefined,
  })

const nothing = { sql: '1 = 0', args: [] as SqlValue[] }

const among = (column: string, values: readonly SqlValue[]): { sql: string; args: SqlValue[] } =>
  values.length === 0 ? nothing : { sql: `${column} IN (${placeholders(values.length)})`, args: [...values] }

const numbersOf = (ids: readonly string[]): number[] => ids.map(numberOf).filter((id) => id !== undefined)

/** Uploads in parts that were begun and never finished, the oldest among them. They have no name but their path. */
const uploads = async (queries: Queries, { after, most }: Page): Promise<Candidate[]> => {
  const rows = await queries.query<{ upload_id: string; path: string; created_time: number }>(
    'SELECT upload_id, path, created_time FROM artifact_uploads WHERE digest IS NULL AND upload_id > ? ORDER BY upload_id LIMIT ?',
    [after, most],
  )
  return rows.map((row) => ({
    kind: 'upload',
    id: row.upload_id,
    name: row.path,
    folder: undefined,
    deletedMs: row.created_time,
  }))
}

const runs = async (queries: Queries, { after, most }: Page, query: Named): Promise<Candidate[]> => {
  const byId = among('r.run_id', query.runIds ?? [])
  const byExperiment = among('r.experiment_id', numbersOf(query.experimentIds ?? []))
  const where = namesAny(query)
    ? { sql: `(${byId.sql} OR ${byExperiment.sql})`, args: [...byId.args, ...byExperiment.args] }
    : { sql: `r.lifecycle_stage = 'deleted'`, args: [] }
  const rows = await queries.query<Row>(
    `SELECT r.run_id AS id, r.name, r.artifact_uri AS place, r.lifecycle_stage AS stage, r.deleted_time AS time
     FROM runs r WHERE ${where.sql} AND r.run_id > ? ORDER BY r.run_id LIMIT ?`,
    [...where.args, after, most],
  )
  return rows.map(candidateOf('run'))
}

const loggedModels = async (queries: Queries, { after, most }: Page, query: Named): Promise<Candidate[]> => {
  const where = namesAny(query)
    ? among('model_id', query.loggedModelIds ?? [])
    : { sql: `lifecycle_stage = 'deleted'`, args: [] }
  const rows = await queries.query<Row>(
    `SELECT model_id AS id, name, artifact_uri AS place, lifecycle_stage AS stage, last_updated_time AS time
     FROM logged_models WHERE ${where.sql} AND model_id > ? ORDER BY model_id LIMIT ?`,
    [...where.args, after, most],
  )
  return rows.map(candidateOf('logged_model'))
}

const experiments = async (queries: Queries, { after, most }: Page, query: Named): Promise<Candidate[]> => {
  const where = namesAny(query)
    ? among('experiment_id', numbersOf(query.experimentIds ?? []))
    : { sql: `lifecycle_stage = 'deleted'`, args: [] }
  const rows = await queries.query<Row>(
    `SELECT experiment_id AS id, name, artifact_location AS place, lifecycle_stage AS stage, last_update_time AS time
     FROM experiments WHERE ${where.sql} AND experiment_id > ? ORDER BY experiment_id LIMIT ?`,
    [...where.args, after === '' ? -1 : Number(after), most],
  )
  return rows.map(candidateOf('experiment'))
}

const lists = { upload: uploads, run: runs, logged_model: loggedModels, experiment: experiments }

/** What may go, of one kind, in the order of the ids. Runs of a named experiment come with it. */
export const candidates = (
  queries: Queries,
  kind: Candidate['kind'],
  page: Page,
  query: Named,
): Promise<Candidate[]> => {
  if (kind === 'upload') return namesAny(query) ? Promise.resolve([]) : uploads(queries, page)
  return lists[kind](queries, page, query)
}

/** The same thing as it is now; undefined when it isn't there any more. */
export const refreshed = async (queries: Queries, { kind, id }: Candidate): Promise<Candidate | undefined> => {
  if (kind === 'upload') {
    const [row] = await queries.query<{ path: string; created_time: number }>(
      'SELECT path, created_time FROM artifact_uploads WHERE upload_id = ? AND digest IS NULL',
      [id],
    )
    return row && { kind, id, name: row.path, folder: undefined, deletedMs: row.created_time }
  }
  const named: Named =
    kind === 'run' ? { runIds: [id] } : kind === 'logged_model' ? { loggedModelIds: [id] } : { experimentIds: [id] }
  return (await lists[kind](queries, { after: '', most: 1 }, named))[0]
}
