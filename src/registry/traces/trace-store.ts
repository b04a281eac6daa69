import type { Clock } from '../../lib/index.ts'
import { sleep } from '../../lib/index.ts'
import type { Database, Queries, SqlValue } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import type { Tag } from '../experiment.ts'
import { numberOf, requireActive, searchedExperiments } from '../experiment-store.ts'
import { excerpt, limits, requireCount, requireInteger, requireKey, requireLength, truncated } from '../limits.ts'
import { requireRunId } from '../run-id.ts'
import { artifactsPath } from '../source-uri.ts'
import { tracesGrammar } from '../search/grammar-traces.ts'
import type { SearchPage, SearchQuery } from '../search/search-page.ts'
import { searchPage } from '../search/search-page.ts'
import { rewriteTraceFilter, tracesTarget } from '../search/target-traces.ts'
import { placeholders } from '../sql.ts'
import type { NewAssessment } from './assessment.ts'
import type { AssessmentStore } from './assessment-store.ts'
import { serverTags } from './span-facts.ts'
import { linkToRun } from './span-store.ts'
import { artifactUriOf, noTrace, requireTraceId } from './trace-id.ts'
import type { TraceRow } from './trace-rows.ts'
import { putLinks, putMetadata, putTags, readTraces, traceColumns } from './trace-rows.ts'
import type { TraceInfo, TraceState } from './trace.ts'
import { traceLimits, traceMetadata, traceTags } from './trace.ts'

export interface TraceStoreDeps {
  readonly db: Database
  readonly clock: Clock
  readonly assessments: AssessmentStore
  /** 32 hex digits that were never given before. */
  newId(): string
}

/** What a client tells of a trace. */
export interface NewTrace {
  readonly traceId: string
  readonly experimentId: string
  readonly timestampMs: number
  readonly durationMs: number | undefined
  readonly state: TraceState
  readonly clientRequestId?: string | undefined
  readonly requestPreview?: string | undefined
  readonly responsePreview?: string | undefined
  readonly tags: readonly Tag[]
  readonly metadata: readonly Tag[]
  readonly assessments: readonly NewAssessment[]
}

/** How a trace of an older client ends. */
export interface TraceEnd {
  readonly timestampMs: number
  readonly state: TraceState
  readonly tags: readonly Tag[]
  readonly metadata: readonly Tag[]
}

/** Traces without their spans: what is told of them, their tags, their search and their end. */
export class TraceStore {
  readonly #deps: TraceStoreDeps

  constructor(deps: TraceStoreDeps) {
    this.#deps = deps
  }

  /**
   * Takes what a client tells of a trace, whose spans may have come before; what it tells counts from then on. Fails for
   * a trace that another experiment has.
   */
  async put(trace: NewTrace): Promise<TraceInfo> {
    const traceId = requireTraceId(trace.traceId)
    requireTime('request_time', trace.timestampMs)
    if (trace.durationMs !== undefined) requireInteger('execution_duration', trace.durationMs, 0)
    const tags = keptPairs(trace.tags, traceLimits.tagValue).filter((tag) => !serverTags.has(tag.key))
    const metadata = keptPairs(trace.metadata, traceLimits.metadataValue)
    return this.#deps.db.transact(async (tx) => {
      const experiment = await requireActive(tx, trace.experimentId)
      const [row] = await tx.query(putTraceRow, [
        traceId,
        experiment.experiment_id,
        trace.timestampMs,
        trace.durationMs === undefined ? null : trace.timestampMs + trace.durationMs,
        trace.state,
        tags.find((tag) => tag.key === traceTags.name)?.value ?? null,
        cut(trace.clientRequestId, traceLimits.key),
        cut(trace.requestPreview, traceLimits.preview),
        cut(trace.responsePreview, traceLimits.preview),
        artifactUriOf(experiment.artifact_location, traceId),
      ])
      if (row === undefined)
        throw fail('invalid_parameter', { reason: `Trace '${traceId}' belongs to another experiment.` })
      await putPairs(tx, { traceId, tags, metadata })
      for (const assessment of trace.assessments.slice(0, traceLimits.assessmentsOfTrace))
        await this.#deps.assessments.add(tx, traceId, assessment)
      return readTrace(tx, traceId)
    })
  }

  /** Begins a trace whose client uploads its spans as a file and ends it later. */
  begin(trace: Pick<NewTrace, 'experimentId' | 'timestampMs' | 'tags' | 'metadata'>): Promise<TraceInfo> {
    return this.put({
      ...trace,
      traceId: this.#deps.newId(),
      durationMs: undefined,
      state: 'IN_PROGRESS',
      assessments: [],
    })
  }

  /** Ends a trace that was begun without its end; tags and metadata are joined with those that are there. */
  async end(traceId: string, end: TraceEnd): Promise<TraceInfo> {
    requireTime('timestamp_ms', end.timestampMs)
    const tags = keptPairs(end.tags, traceLimits.tagValue).filter((tag) => !serverTags.has(tag.key))
    const metadata = keptPairs(end.metadata, traceLimits.metadataValue)
    return this.#deps.db.transact(async (tx) => {
      const changed = await tx.query(
        `UPDATE traces SET state = ?, end_ms = CASE WHEN timestamp_ms > ? THEN timestamp_ms ELSE ? END,
           name = COALESCE(?, name) WHERE trace_id = ? RETURNING trace_id`,
        [
          end.state,
          end.timestampMs,
          end.timestampMs,
          tags.find((tag) => tag.key === traceTags.name)?.value ?? null,
          traceId,
        ],
      )
      if (changed.length === 0) noTrace(traceId)
      await putPairs(tx, { traceId, tags, metadata })
      return readTrace(tx, traceId)
    })
  }

  require(traceId: string): Promise<TraceInfo> {
    return readTrace(this.#deps.db, traceId)
  }

  /** Those of the traces that are there, in the order asked for. */
  async list(traceIds: readonly string[], experimentIds?: readonly string[]): Promise<TraceInfo[]> {
    if (traceIds.length > traceLimits.traceIds)
      throw fail('invalid_parameter', {
        reason: `At most ${traceLimits.traceIds} traces fit into one request, got ${traceIds.length}.`,
      })
    const ids = [...new Set(traceIds)]
    if (ids.length === 0) return []
    const rows = await this.#deps.db.query<TraceRow>(
      `SELECT ${traceColumns} FROM traces t WHERE t.trace_id IN (${placeholders(ids.length)})`,
      ids,
    )
    const found = new Map((await readTraces(this.#deps.db, rows)).map((trace) => [trace.traceId, trace]))
    const within = experimentIds === undefined ? undefined : new Set(experimentIds)
    return ids
      .map((id) => found.get(id))
      .filter((trace) => trace !== undefined)
      .filter((trace) => within === undefined || within.has(trace.experimentId))
  }

  /** Whether these are as many spans as the client said it sent. */
  isWhole(trace: TraceInfo, spanCount: number): boolean {
    return spanCount >= expectedSpans(trace)
  }

  /**
   * Whether as many spans are there as the client said it sent; it sends them beside what it tells of the trace. Waits a
   * little for the last of them.
   */
  async awaitSpans(trace: TraceInfo): Promise<boolean> {
    const expected = expectedSpans(trace)
    if (expected === 0) return true
    for (const delayMs of [...spanWaitsMs, undefined]) {
      const [row] = await this.#deps.db.query<{ count: number }>(
        'SELECT COUNT(*) AS count FROM spans WHERE trace_id = ?',
        [trace.traceId],
      )
      if (Number(row?.count ?? 0) >= expected) return true
      if (delayMs !== undefined) await sleep(this.#deps.clock, delayMs)
    }
    return false
  }

  async search(query: SearchQuery & { readonly experimentIds: readonly string[] }): Promise<SearchPage<TraceInfo>> {
    const { db } = this.#deps
    const ids = searchedExperiments(query.experimentIds)
    if (ids.length === 0) return { items: [], nextPageToken: undefined }
    const page = await searchPage<TraceRow>(
      db,
      {
        grammar: tracesGrammar,
        target: tracesTarget,
        columns: traceColumns,
        where: { sql: `t.experiment_id IN (${placeholders(ids.length)})`, args: ids },
        rewrite: rewriteTraceFilter,
      },
      query,
    )
    return { items: await readTraces(db, page.items), nextPageToken: page.nextPageToken }
  }

  async setTag(traceId: string, { key, value }: Tag): Promise<void> {
    requireOwnTag(key, 'set')
    requireKey('Tag', key)
    const kept = truncated(value, traceLimits.tagValue)
    await this.#deps.db.transact(async (tx) => {
      await requireRow(tx, traceId)
      await putTags(tx, [[traceId, key, kept]])
      if (key === traceTags.name) await tx.query('UPDATE traces SET name = ? WHERE trace_id = ?', [kept, traceId])
    })
  }

  async deleteTag(traceId: string, key: string): Promise<void> {
    requireOwnTag(key, 'deleted')
    await this.#deps.db.transact(async (tx) => {
      await requireRow(tx, traceId)
      const gone = await tx.query('DELETE FROM trace_tags WHERE trace_id = ? AND key = ? RETURNING key', [traceId, key])
      if (gone.length === 0)
        throw fail('resource_missing', {
          reason: `No trace tag with key '${excerpt(key)}' for trace with ID '${traceId}'`,
        })
      if (key === traceTags.name) await tx.query('UPDATE traces SET name = NULL WHERE trace_id = ?', [traceId])
    })
  }

  /** Ties traces to a run; ids of traces that aren't there are passed over, as in MLflow. */
  async linkToRun(traceIds: readonly string[], runId: string): Promise<void> {
    requireRunId(runId)
    if (traceIds.length > traceLimits.links)
      throw fail('invalid_parameter', {
        reason: `Cannot link more than ${traceLimits.links} traces to a run in a single request. Provided ${traceIds.length} traces.`,
      })
    await this.#deps.db.transact(async (tx) => {
      const ids = [...new Set(traceIds)]
      if (ids.length === 0) return
      const there = await tx.query<{ trace_id: string }>(
        `SELECT trace_id FROM traces WHERE trace_id IN (${placeholders(ids.length)})`,
        ids,
      )
      await linkToRun(
        tx,
        there.map((row) => row.trace_id),
        runId,
      )
    })
  }

  /** Ties versions of prompts to a trace, each as `NAME/VERSION`. */
  async linkPrompts(traceId: string, prompts: readonly string[]): Promise<void> {
    if (prompts.length > traceLimits.links)
      throw fail('invalid_parameter', { reason: `At most ${traceLimits.links} prompts fit into one request.` })
    for (const prompt of prompts) requireLength('Prompt version', prompt, limits.modelName)
    await this.#deps.db.transact(async (tx) => {
      await requireRow(tx, traceId)
      await putLinks(
        tx,
        prompts.map((prompt) => [traceId, 'prompt', prompt]),
      )
    })
  }

  /** Deletes traces of an experiment by their ids, with all that belongs to them. Gives how many there were. */
  async deleteByIds(experimentId: string, traceIds: readonly string[]): Promise<number> {
    if (traceIds.length > traceLimits.traceIds)
      throw fail('invalid_parameter', {
        reason: `At most ${traceLimits.traceIds} traces fit into one request, got ${traceIds.length}.`,
      })
    if (traceIds.length === 0) return 0
    return this.#deps.db.transact((tx) =>
      deleteWhere(tx, `trace_id IN (${placeholders(traceIds.length)})`, {
        experimentId,
        args: traceIds,
        most: traceIds.length,
      }),
    )
  }

  /**
   * Deletes the traces of an experiment that began at this time or before, the oldest first. Many take several
   * transactions, so that other writers get their turn.
   */
  async deleteUpTo(experimentId: string, maxTimestampMs: number, most: number | undefined): Promise<number> {
    requireInteger('max_timestamp_millis', maxTimestampMs, Number.MIN_SAFE_INTEGER)
    let deleted = 0
    for (;;) {
      const step = Math.min(deletedAtOnce, (most ?? Infinity) - deleted)
      if (step === 0) return deleted
      const gone = await this.#deps.db.transact((tx) =>
        deleteWhere(tx, 'timestamp_ms <= ?', { experimentId, args: [maxTimestampMs], most: step }),
      )
      deleted += gone
      if (gone < step) return deleted
    }
  }
}

/** How long to wait for spans, try by try; MLflow's server waits 3 s in all. */
const spanWaitsMs = [250, 750, 2000]
const deletedAtOnce = 500

/** What the client tells replaces what its spans said; what it leaves out stays. */
const putTraceRow = `INSERT INTO traces (trace_id, experiment_id, timestamp_ms, end_ms, state, name, client_request_id,
    request_preview, response_preview, artifact_uri, finalized, spans_here, span_count)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 0, 0)
  ON CONFLICT (trace_id) DO UPDATE SET timestamp_ms = excluded.timestamp_ms,
    end_ms = COALESCE(excluded.end_ms, traces.end_ms), state = excluded.state,
    name = COALESCE(excluded.name, traces.name),
    client_request_id = COALESCE(excluded.client_request_id, traces.client_request_id),
    request_preview = COALESCE(excluded.request_preview, traces.request_preview),
    response_preview = COALESCE(excluded.response_preview, traces.response_preview), finalized = 1
  WHERE traces.experiment_id = excluded.experiment_id
  RETURNING trace_id`

/** Unix ms of the last second of the year 9999: protobuf's times end there. */
const latestMs = 253_402_300_799_999

const requireTime = (what: string, ms: number): void => {
  requireInteger(what, ms, 0)
  if (ms > latestMs)
    throw fail('invalid_parameter', { reason: `Invalid value ${ms} for parameter '${what}' supplied.` })
}

const cut = (text: string | undefined, most: number): string | null =>
  text === undefined ? null : truncated(text.replaceAll('\0', ''), most)

/** Keys of traces may hold anything; those that are empty or too long can't be kept. */
const keptPairs = (pairs: readonly Tag[], valueMax: number): Tag[] => {
  requireCount('tags', pairs, limits.listItems)
  return pairs
    .filter(({ key }) => key !== '')
    .map(({ key, value }) => ({ key: cut(key, traceLimits.key) ?? '', value: cut(value, valueMax) ?? '' }))
}

const putPairs = async (
  tx: Queries,
  { traceId, tags, metadata }: { traceId: string; tags: readonly Tag[]; metadata: readonly Tag[] },
): Promise<void> => {
  await putTags(
    tx,
    tags.map(({ key, value }) => [traceId, key, value]),
  )
  await putMetadata(
    tx,
    metadata.map(({ key, value }) => [traceId, key, value]),
  )
  const run = metadata.find(({ key }) => key === traceMetadata.sourceRun)
  if (run !== undefined) await putLinks(tx, [[traceId, 'run', run.value]])
}

const requireRow = async (queries: Queries, traceId: string): Promise<TraceRow> => {
  const [row] = await queries.query<TraceRow>(`SELECT ${traceColumns} FROM traces t WHERE t.trace_id = ?`, [traceId])
  return row ?? noTrace(traceId)
}

const readTrace = async (queries: Queries, traceId: string): Promise<TraceInfo> => {
  const [trace] = await readTraces(queries, [await requireRow(queries, traceId)])
  return trace ?? noTrace(traceId)
}

const requireOwnTag = (key: string, done: string): void => {
  if (!serverTags.has(key)) return
  throw fail('invalid_parameter', { reason: `Tag '${key}' is immutable and cannot be ${done} on a trace.` })
}

/** The number of spans that a client says a trace has; 0 when it says nothing. */
const expectedSpans = ({ metadata }: TraceInfo): number => {
  const stats = metadata.find(({ key }) => key === traceMetadata.sizeStats)?.value
  if (stats === undefined) return 0
  try {
    const count = (JSON.parse(stats) as { num_spans?: unknown } | null)?.num_spans
    return typeof count === 'number' ? count : 0
  } catch {
    return 0
  }
}

/** Deletes traces with their spans, tags and assessments, and the rows of their files that no version has sealed. */
const deleteWhere = async (
  tx: Queries,
  condition: string,
  { experimentId, args, most }: { experimentId: string; args: readonly SqlValue[]; most: number },
): Promise<number> => {
  if (most === 0) return 0
  const rows = await tx.query<{ trace_id: string; artifact_uri: string }>(
    `SELECT trace_id, artifact_uri FROM traces WHERE experiment_id = ? AND ${condition} ORDER BY timestamp_ms, trace_id LIMIT ?`,
    [numberOf(experimentId) ?? -1, ...args, most],
  )
  await tx.executeMany(
    'DELETE FROM traces WHERE trace_id = ?',
    rows.map((row) => [row.trace_id]),
  )
  await tx.executeMany(
    `DELETE FROM artifacts WHERE path >= ? AND path < ? AND NOT EXISTS (
       SELECT 1 FROM sealed_folders s WHERE artifacts.path >= s.path || '/' AND artifacts.path < s.path || '0')`,
    rows
      .filter((row) => row.artifact_uri.startsWith('mlflow-artifacts:'))
      .map((row) => artifactsPath(row.artifact_uri))
      .map((folder) => [`${folder}/`, `${folder}0`]),
  )
  return rows.length
}
