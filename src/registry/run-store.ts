import type { Clock, Random } from '../lib/index.ts'
import type { Database, Queries } from '../ports/index.ts'
import { fail } from '../protocol/index.ts'
import type { Actor, EventKind, EventLog } from './event-log.ts'
import { anonymous } from './event-log.ts'
import type { LifecycleStage, Tag, View } from './experiment.ts'
import { requireActive, searchedExperiments, viewCondition } from './experiment-store.ts'
import { requireNoPurge } from './gc/require-no-purge.ts'
import { subjectText } from './history/audit-subject.ts'
import { limits, requireCount, requireInteger, requireKey, truncated } from './limits.ts'
import { requireRunId } from './run-id.ts'
import type { Run, RunInfo, RunStatus } from './run.ts'
import { readRuns } from './read-runs.ts'
import { randomRunName } from './run-name.ts'
import { runsGrammar } from './search/grammar-runs.ts'
import type { SearchPage, SearchQuery } from './search/search-page.ts'
import { searchPage } from './search/search-page.ts'
import { runsTarget } from './search/target-runs.ts'
import { chunks, placeholders } from './sql.ts'

export interface RunStoreDeps {
  readonly db: Database
  readonly clock: Clock
  readonly random: Random
  readonly events: EventLog
  /** 32 hex digits that were never given before. */
  newId(): string
}

export interface RunRow extends Readonly<Record<string, string | number | null>> {
  readonly run_id: string
  readonly experiment_id: number
  readonly name: string
  readonly user_id: string
  readonly status: string
  readonly start_time: number | null
  readonly end_time: number | null
  readonly lifecycle_stage: string
  readonly artifact_uri: string
}

const columns = 'run_id, experiment_id, name, user_id, status, start_time, end_time, lifecycle_stage, artifact_uri'
const aliased = columns.replaceAll(/\w+/g, 'r.$&')

/** The tag that mirrors a run's name. */
export const nameTag = 'mlflow.runName'

export interface NewRun {
  readonly experimentId: string
  readonly userId: string
  readonly startTime: number | undefined
  readonly name: string
  readonly tags: readonly Tag[]
}

export interface RunChange {
  readonly status?: RunStatus | undefined
  readonly endTime?: number | undefined
  readonly name?: string | undefined
}

/** Runs: their life from creation to deletion, and their search. What they log is in RunLog. */
export class RunStore {
  readonly #deps: RunStoreDeps

  constructor(deps: RunStoreDeps) {
    this.#deps = deps
  }

  /** Starts a run in an active experiment. Its name is the given one, that of its tag, or made up. */
  async create(run: NewRun, actor: Actor = anonymous): Promise<Run> {
    const { db, newId, random } = this.#deps
    const tagged = run.tags.find((tag) => tag.key === nameTag)?.value ?? ''
    if (tagged !== '' && run.name !== '' && tagged !== run.name)
      throw fail('invalid_parameter', {
        reason: `Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name='${run.name}', mlflow.runName='${tagged}').`,
      })
    const name = run.name || tagged || randomRunName(random)
    requireCount('tags', run.tags, limits.listItems)
    const tags = [...run.tags.filter((tag) => tag.key !== nameTag), { key: nameTag, value: name }].map(storedTag)
    const startTime = run.startTime === undefined ? null : requireInteger('start_time', run.startTime, 0)
    return db.transact(async (tx) => {
      const experiment = await requireActive(tx, run.experimentId)
      const runId = newId()
      const artifactUri = `${experiment.artifact_location.replace(/\/$/, '')}/${runId}/artifacts`
      const row: RunRow = {
        run_id: runId,
        experiment_id: experiment.experiment_id,
        name,
        user_id: run.userId,
        status: 'RUNNING',
        start_time: startTime,
        end_time: null,
        lifecycle_stage: 'active',
        artifact_uri: artifactUri,
      }
      await tx.query(
        `INSERT INTO runs (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        columns.split(', ').map((column) => row[column] ?? null),
      )
      await putTags(tx, runId, tags)
      await this.#tell(tx, 'run.created', row, actor)
      return { info: runInfo(row), metrics: [], params: [], tags, inputs: [], modelInputs: [], modelOutputs: [] }
    })
  }

  async get(runId: string): Promise<Run | undefined> {
    const { db } = this.#deps
    const rows = await db.query<RunRow>(`SELECT ${columns} FROM runs WHERE run_id = ?`, [runId])
    return (await readRuns(db, rows.map(runInfo)))[0]
  }

  async require(runId: string): Promise<Run> {
    return (await this.get(requireRunId(runId))) ?? noRun(runId)
  }

  /** Runs of the experiments. The page is as large as asked, up to the 50,000 that MLflow allows. */
  async search(
    query: SearchQuery & { readonly experimentIds: readonly string[]; readonly view: View },
  ): Promise<SearchPage<Run>> {
    const { db } = this.#deps
    const ids = searchedExperiments(query.experimentIds)
    if (ids.length === 0) return { items: [], nextPageToken: undefined }
    const view = viewCondition('r', query.view)
    const where = {
      sql: `r.experiment_id IN (${placeholders(ids.length)}) AND ${view.sql}`,
      args: [...ids, ...view.args],
    }
    const page = await searchPage<RunRow>(
      db,
      { grammar: runsGrammar, target: runsTarget, columns: aliased, where },
      query,
    )
    return { items: await readRuns(db, page.items.map(runInfo)), nextPageToken: page.nextPageToken }
  }

  async update(runId: string, change: RunChange, actor: Actor = anonymous): Promise<RunInfo> {
    const endTime = change.endTime === undefined ? null : requireInteger('end_time', change.endTime, 0)
    return this.#deps.db.transact(async (tx) => {
      const row = await requireWritable(tx, runId)
      const [updated] = await tx.query<RunRow>(
        `UPDATE runs SET status = COALESCE(?, status), end_time = COALESCE(?, end_time), name = COALESCE(?, name) WHERE run_id = ? RETURNING ${columns}`,
        [change.status ?? null, endTime, change.name || null, runId],
      )
      if (change.name) {
        await putTags(tx, runId, [{ key: nameTag, value: change.name }])
        await tellRenamed(tx, this.#deps.events, { row, name: change.name, actor })
      }
      return runInfo(updated ?? row)
    })
  }

  /** Deleting a deleted run changes nothing, nor does restoring an active one. */
  async delete(runId: string, actor: Actor = anonymous): Promise<void> {
    await this.#setStage(runId, 'deleted', actor)
  }

  async restore(runId: string, actor: Actor = anonymous): Promise<void> {
    await this.#setStage(runId, 'active', actor)
  }

  async setTag(runId: string, tag: Tag, actor: Actor = anonymous): Promise<void> {
    requireKey('Tag', tag.key)
    await this.#deps.db.transact(async (tx) => {
      const row = await requireWritable(tx, runId)
      await putTags(tx, runId, [storedTag(tag)])
      if (tag.key === nameTag) await tellRenamed(tx, this.#deps.events, { row, name: tag.value, actor })
    })
  }

  async deleteTag(runId: string, key: string): Promise<void> {
    await this.#deps.db.transact(async (tx) => {
      await requireWritable(tx, runId)
      const gone = await tx.query('DELETE FROM run_tags WHERE run_id = ? AND key = ? RETURNING key', [runId, key])
      if (gone.length === 0)
        throw fail('resource_missing', { reason: `No tag with name: ${key} in run with id ${runId}` })
    })
  }

  #tell(
    tx: Queries,
    kind: EventKind,
    row: Pick<RunRow, 'run_id' | 'name' | 'experiment_id'>,
    actor: Actor,
  ): Promise<void> {
    const details = { name: row.name, experimentId: String(row.experiment_id) }
    return this.#deps.events.append(tx, { kind, subject: subjectText('run', row.run_id), actor, details })
  }

  async #setStage(runId: string, to: LifecycleStage, actor: Actor): Promise<void> {
    requireRunId(runId)
    await this.#deps.db.transact(async (tx) => {
      const [row] = await tx.query<RunRow>(`SELECT ${columns} FROM runs WHERE run_id = ?`, [runId])
      if (row === undefined) return noRun(runId)
      if (row.lifecycle_stage === to) return
      if (to === 'active') await requireNoPurge(tx, 'run', runId)
      await tx.query('UPDATE runs SET lifecycle_stage = ?, deleted_time = ? WHERE run_id = ?', [
        to,
        to === 'deleted' ? this.#deps.clock.wallMs() : null,
        runId,
      ])
      await this.#tell(tx, to === 'deleted' ? 'run.deleted' : 'run.restored', row, actor)
    })
  }
}

const noRun = (runId: string): never => {
  throw fail('resource_missing', { reason: `Run with id=${runId} not found` })
}

const runInfo = (row: RunRow): RunInfo => ({
  runId: row.run_id,
  experimentId: String(row.experiment_id),
  name: row.name,
  userId: row.user_id,
  status: row.status as RunStatus,
  startTime: row.start_time ?? undefined,
  endTime: row.end_time ?? undefined,
  artifactUri: row.artifact_uri,
  lifecycleStage: row.lifecycle_stage as LifecycleStage,
})

/** The run that something is about to be written to; deleted runs take nothing. */
export const requireWritable = async (tx: Queries, runId: string): Promise<RunRow> => {
  requireRunId(runId)
  const [row] = await tx.query<RunRow>(`SELECT ${columns} FROM runs WHERE run_id = ?`, [runId])
  if (row === undefined) return noRun(runId)
  if (row.lifecycle_stage !== 'active')
    throw fail('invalid_parameter', {
      reason: `The run ${runId} must be in the 'active' state. Current state is ${row.lifecycle_stage}.`,
    })
  return row
}

const storedTag = ({ key, value }: Tag): Tag => ({
  key: requireKey('Tag', key),
  value: truncated(value, limits.runTagValue),
})

/** Tells of a run's new name, unless it is the old one. */
export const tellRenamed = async (
  tx: Queries,
  events: EventLog,
  { row, name, actor }: { readonly row: RunRow; readonly name: string; readonly actor: Actor },
): Promise<void> => {
  if (name === row.name) return
  const details = { name: row.name, newName: name, experimentId: String(row.experiment_id) }
  await events.append(tx, { kind: 'run.renamed', subject: subjectText('run', row.run_id), actor, details })
}

/** Sets tags; a run's name follows its tag. */
export const putTags = async (tx: Queries, runId: string, tags: readonly Tag[]): Promise<void> => {
  for (const part of chunks(tags))
    await tx.executeMany(
      'INSERT INTO run_tags (run_id, key, value) VALUES (?, ?, ?) ON CONFLICT (run_id, key) DO UPDATE SET value = excluded.value',
      part.map((tag) => [runId, tag.key, tag.value]),
    )
  const name = tags.findLast((tag) => tag.key === nameTag)
  if (name !== undefined) await tx.query('UPDATE runs SET name = ? WHERE run_id = ?', [name.value, runId])
}
