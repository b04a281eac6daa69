import type { Database, Queries } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import { requireActive } from '../experiment-store.ts'
import { keptSpan, putSpans, readSpans } from './span-rows.ts'
import type { SpanFacts } from './span-facts.ts'
import { spanFacts } from './span-facts.ts'
import { totalUsage } from './token-usage.ts'
import { putLinks, putMetadata, putNewMetadata, putTags } from './trace-rows.ts'
import { artifactUriOf } from './trace-id.ts'
import type { ReceivedSpan, Span } from './trace.ts'
import { spanAttributes, traceLimits, traceMetadata, traceTags } from './trace.ts'

/** What became of spans. */
export interface SpansKept {
  readonly rejected: number
  /** Why the first of the rejected was, or what else the sender should know. */
  readonly reason: string | undefined
}

/** Above this a trace's tokens aren't counted again with every batch. */
const usageSpansMax = 10_000

/** The spans of traces, as they arrive: in any order, in any number of pieces, and again. */
export class SpanStore {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  /**
   * Keeps spans in an experiment, and brings the traces that they are of up to date; a trace begins with its first span.
   * A span of a trace that another experiment has, or of one that is full, is rejected, and the others are kept.
   */
  async log(experimentId: string, received: readonly ReceivedSpan[], runId?: string): Promise<SpansKept> {
    const facts = [...Map.groupBy(received.map(keptSpan), (span) => span.traceId)].map(([id, spans]) =>
      spanFacts(id, spans),
    )
    return this.#db.transact(async (tx) => {
      const experiment = await requireActive(tx, experimentId)
      const kept: SpanFacts[] = []
      let reason: string | undefined
      for (const each of facts) {
        const refusal = await putTrace(tx, experiment, each)
        if (refusal === undefined) kept.push(each)
        else reason ??= refusal
      }
      await putSpans(
        tx,
        kept.flatMap((each) => each.spans),
      )
      await putTags(
        tx,
        kept.flatMap((each) => each.tags.map((tag) => [each.traceId, tag.key, tag.value])),
      )
      await putNewMetadata(
        tx,
        kept.flatMap((each) => each.metadata.map(({ key, value }) => [each.traceId, key, value])),
      )
      for (const each of kept) await countTokens(tx, each)
      if (runId !== undefined) {
        const ended = kept.filter((each) => each.state !== 'IN_PROGRESS').map((each) => each.traceId)
        // Why: spans are worth more than the link, and their sender would drop them.
        if (await hasRun(tx, runId)) await linkToRun(tx, ended, runId)
        else reason ??= `Run with id=${runId} not found; the traces aren't tied to it.`
      }
      const rejected = received.length - kept.reduce((sum, each) => sum + each.spans.length, 0)
      return { rejected, reason }
    })
  }

  /** The spans of a trace: roots first, then in the order of their start. */
  read(traceId: string): Promise<Span[]> {
    return readSpans(this.#db, traceId)
  }
}

/**
 * Puts what the spans say of their trace. Before the client told the trace's own facts the last root decides; after
 * that, spans only fill in what it left out.
 */
const putTraceRow = `INSERT INTO traces (trace_id, experiment_id, timestamp_ms, end_ms, state, name, request_preview,
    response_preview, artifact_uri, finalized, spans_here, span_count)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 1, ?)
  ON CONFLICT (trace_id) DO UPDATE SET
    timestamp_ms = CASE WHEN traces.finalized = 0 AND excluded.timestamp_ms < traces.timestamp_ms
      THEN excluded.timestamp_ms ELSE traces.timestamp_ms END,
    end_ms = CASE WHEN traces.end_ms IS NULL OR (traces.finalized = 0 AND excluded.end_ms > traces.end_ms)
      THEN excluded.end_ms ELSE traces.end_ms END,
    state = CASE WHEN excluded.state <> 'IN_PROGRESS'
        AND (traces.finalized = 0 OR traces.state IN ('IN_PROGRESS', 'STATE_UNSPECIFIED'))
      THEN excluded.state ELSE traces.state END,
    name = CASE WHEN traces.finalized = 0 THEN COALESCE(excluded.name, traces.name)
      ELSE COALESCE(traces.name, excluded.name) END,
    request_preview = CASE WHEN traces.finalized = 0 THEN COALESCE(excluded.request_preview, traces.request_preview)
      ELSE COALESCE(traces.request_preview, excluded.request_preview) END,
    response_preview = CASE WHEN traces.finalized = 0 THEN COALESCE(excluded.response_preview, traces.response_preview)
      ELSE COALESCE(traces.response_preview, excluded.response_preview) END,
    spans_here = 1,
    span_count = traces.span_count + excluded.span_count
  WHERE traces.experiment_id = excluded.experiment_id
  RETURNING span_count, name`

interface ActiveExperiment {
  readonly experiment_id: number
  readonly artifact_location: string
}

/** Gives the reason why the trace can't take these spans; undefined when it did. */
const putTrace = async (tx: Queries, experiment: ActiveExperiment, facts: SpanFacts): Promise<string | undefined> => {
  const { traceId } = facts
  if (facts.spans.length > traceLimits.spans) return fullReason(traceId)
  const [stored] = await tx.query<{ span_count: number; name: string | null }>(
    'SELECT span_count FROM traces WHERE trace_id = ?',
    [traceId],
  )
  if (stored !== undefined && stored.span_count + facts.spans.length > traceLimits.spans) {
    const exact = await recount(tx, traceId)
    if (exact + facts.spans.length > traceLimits.spans) return fullReason(traceId)
  }
  const [row] = await tx.query<{ name: string | null }>(putTraceRow, [
    traceId,
    experiment.experiment_id,
    facts.timestampMs,
    facts.endMs ?? null,
    facts.state,
    facts.name ?? null,
    facts.requestPreview ?? null,
    facts.responsePreview ?? null,
    artifactUriOf(experiment.artifact_location, traceId),
    facts.spans.length,
  ])
  if (row === undefined) return `Trace '${traceId}' belongs to another experiment.`
  if (facts.name !== undefined && row.name !== null) await putTags(tx, [[traceId, traceTags.name, row.name]])
  return undefined
}

const fullReason = (traceId: string): string =>
  `Trace '${traceId}' has ${traceLimits.spans} spans, the most that are kept of one.`

/** The spans there really are: the running count takes one that was sent again for another. */
const recount = async (tx: Queries, traceId: string): Promise<number> => {
  const [row] = await tx.query<{ count: number }>('SELECT COUNT(*) AS count FROM spans WHERE trace_id = ?', [traceId])
  const count = Number(row?.count ?? 0)
  await tx.query('UPDATE traces SET span_count = ? WHERE trace_id = ?', [count, traceId])
  return count
}

/** Counts the trace's tokens over all spans that there are, unless the client has counted them itself. */
const countTokens = async (tx: Queries, { traceId, spans }: SpanFacts): Promise<void> => {
  if (!spans.some((span) => span.attributes.has(spanAttributes.usage))) return
  const [told] = await tx.query(
    `SELECT 1 AS told FROM traces t JOIN trace_metadata m ON m.trace_id = t.trace_id
     WHERE t.trace_id = ? AND t.finalized = 1 AND m.key = ?`,
    [traceId, traceMetadata.tokenUsage],
  )
  if (told !== undefined) return
  const nodes = await tx.query<{ span_id: string; parent_span_id: string | null; usage: string | null }>(
    'SELECT span_id, parent_span_id, usage FROM spans WHERE trace_id = ? LIMIT ?',
    [traceId, usageSpansMax + 1],
  )
  if (nodes.length > usageSpansMax) return
  const usage = totalUsage(
    nodes.map((node) => ({
      spanId: node.span_id,
      parentSpanId: node.parent_span_id ?? undefined,
      usage: node.usage ?? undefined,
    })),
  )
  if (usage !== undefined) await putMetadata(tx, [[traceId, traceMetadata.tokenUsage, usage]])
}

const hasRun = async (tx: Queries, runId: string): Promise<boolean> => {
  const rows = await tx.query('SELECT run_id FROM runs WHERE run_id = ?', [runId])
  return rows.length > 0
}

/** Ties traces to the run they were made in. */
export const linkToRun = async (tx: Queries, traceIds: readonly string[], runId: string): Promise<void> => {
  if (!(await hasRun(tx, runId))) throw fail('resource_missing', { reason: `Run with id=${runId} not found` })
  await putLinks(
    tx,
    traceIds.map((traceId) => [traceId, 'run', runId]),
  )
}
