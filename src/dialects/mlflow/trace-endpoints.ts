import { fail } from '../../protocol/index.ts'
import { traceStates } from '../../registry/index.ts'
import type { TraceInfo } from '../../registry/index.ts'
import type { Endpoint, EndpointContext } from './endpoint.ts'
import { endpoint } from './endpoint.ts'
import { boolean, integer, items, list, object, oneOf, required, text, textOr } from './fields.ts'
import { pageSize } from './page-size.ts'
import { newAssessment, traceFields } from './trace-fields.ts'
import { olderTraceInfoView, traceInfoView, traceView } from './trace-views.ts'
import { pageView } from './views.ts'

const id = { trace_id: required(text) }
const page = { default: 100, max: 500 }
/** Most traces, and most spans of them all, in one reply. */
const batchMax = 100
const batchSpansMax = 100_000

/** The wholes of traces; of those that are still being sent, none. */
const wholes = async ({ registry }: EndpointContext, traces: readonly TraceInfo[]): Promise<object[]> => {
  if (traces.length > batchMax)
    throw fail('invalid_parameter', { reason: `At most ${batchMax} traces are given at once with their spans.` })
  const views: object[] = []
  let count = 0
  for (const trace of traces) {
    const spans = await registry.spans.read(trace.traceId)
    count += spans.length
    if (count > batchSpansMax)
      throw fail('invalid_parameter', {
        reason: `These traces have more than ${batchSpansMax} spans; ask for fewer at once.`,
      })
    if (spans.length > 0 && registry.traces.isWhole(trace, spans.length)) views.push(traceView(trace, spans))
  }
  return views
}

const putTrace: Endpoint = endpoint({
  method: 'POST',
  path: 'traces',
  version: '3.0',
  needs: 'registry.write',
  doc: 'Tells the facts of a trace; its spans come by themselves.',
  input: { trace: required(object({ trace_info: required(object(traceFields)) })) },
  async run({ registry }, { trace: { trace_info: info } }) {
    const trace = await registry.traces.put({
      traceId: info.trace_id,
      experimentId: info.trace_location.mlflow_experiment.experiment_id,
      timestampMs: info.request_time,
      durationMs: info.execution_duration,
      state: info.state ?? 'STATE_UNSPECIFIED',
      clientRequestId: info.client_request_id,
      requestPreview: info.request_preview,
      responsePreview: info.response_preview,
      tags: info.tags,
      metadata: info.trace_metadata,
      assessments: info.assessments.map(newAssessment),
    })
    return { trace: { trace_info: traceInfoView(trace) } }
  },
})

const readEndpoints: readonly Endpoint[] = [
  endpoint({
    method: 'GET',
    path: 'traces/{trace_id}',
    version: '3.0',
    needs: 'registry.read',
    doc: 'One trace, without its spans.',
    input: id,
    async run({ registry }, input) {
      return { trace: { trace_info: traceInfoView(await registry.traces.require(input.trace_id)) } }
    },
  }),
  endpoint({
    method: 'GET',
    path: 'traces/get',
    version: '3.0',
    needs: 'registry.read',
    doc: 'One trace with its spans.',
    input: { ...id, allow_partial: boolean },
    async run({ registry }, input) {
      const trace = await registry.traces.require(input.trace_id)
      if (!trace.spansHere) throw fail('invalid_parameter', { reason: 'Trace data not stored in tracking store' })
      if (input.allow_partial !== true && !(await registry.traces.awaitSpans(trace)))
        throw fail('resource_missing', {
          reason: `Trace with ID ${trace.traceId} is not fully exported yet, please try again later.`,
        })
      return { trace: traceView(trace, await registry.spans.read(trace.traceId)) }
    },
  }),
  endpoint({
    method: 'GET',
    path: 'traces/batchGet',
    version: '3.0',
    needs: 'registry.read',
    doc: 'Traces with their spans, by their ids.',
    input: { trace_ids: required(list(required(text))), experiment_ids: list(required(text)) },
    async run(context, input) {
      const within = input.experiment_ids.length === 0 ? undefined : input.experiment_ids
      const traces = await context.registry.traces.list(input.trace_ids, within)
      return pageView('traces', await wholes(context, traces), undefined)
    },
  }),
  endpoint({
    method: 'POST',
    path: 'traces/batchGetInfos',
    version: '3.0',
    needs: 'registry.read',
    doc: 'Traces without their spans, by their ids.',
    input: { trace_ids: required(list(required(text))), experiment_ids: list(required(text)) },
    async run({ registry }, input) {
      const within = input.experiment_ids.length === 0 ? undefined : input.experiment_ids
      const traces = await registry.traces.list(input.trace_ids, within)
      return pageView('trace_infos', traces.map(traceInfoView), undefined)
    },
  }),
  endpoint({
    method: 'POST',
    path: 'traces/search',
    version: '3.0',
    needs: 'registry.read',
    doc: 'Searches the traces of experiments.',
    input: {
      locations: required(items({ mlflow_experiment: object({ experiment_id: required(text) }) })),
      filter: text,
      max_results: integer,
      order_by: list(required(text)),
      page_token: text,
    },
    async run({ registry }, input) {
      const found = await registry.traces.search({
        experimentIds: input.locations.flatMap((location) => location.mlflow_experiment?.experiment_id ?? []),
        filter: input.filter,
        limit: pageSize(input.max_results, page),
        orderBy: input.order_by,
        pageToken: input.page_token,
      })
      return pageView('traces', found.items.map(traceInfoView), found.nextPageToken)
    },
  }),
]

const tagEndpoints = (version: { version?: '3.0' }): readonly Endpoint[] => [
  endpoint({
    ...version,
    method: 'PATCH',
    path: 'traces/{trace_id}/tags',
    needs: 'registry.write',
    doc: 'Sets a tag of a trace.',
    input: { ...id, key: required(text), value: textOr('') },
    async run({ registry }, input) {
      await registry.traces.setTag(input.trace_id, { key: input.key, value: input.value })
      return {}
    },
  }),
  endpoint({
    ...version,
    method: 'DELETE',
    path: 'traces/{trace_id}/tags',
    needs: 'registry.write',
    doc: 'Deletes a tag of a trace.',
    input: { ...id, key: required(text) },
    async run({ registry }, input) {
      await registry.traces.deleteTag(input.trace_id, input.key)
      return {}
    },
  }),
  endpoint({
    ...version,
    method: 'POST',
    path: 'traces/delete-traces',
    needs: 'registry.write',
    doc: 'Deletes traces of an experiment: by their ids, or the oldest up to a time.',
    input: {
      experiment_id: required(text),
      max_timestamp_millis: integer,
      max_traces: integer,
      request_ids: list(required(text)),
    },
    async run({ registry }, input) {
      const { experiment_id: experimentId, max_timestamp_millis: until, max_traces: most, request_ids: ids } = input
      const refusal = deletionFault({ until, most, ids })
      if (refusal !== undefined) throw fail('invalid_parameter', { reason: refusal })
      const deleted =
        until === undefined
          ? await registry.traces.deleteByIds(experimentId, ids)
          : await registry.traces.deleteUpTo(experimentId, until, most)
      return { traces_deleted: deleted }
    },
  }),
]

const deletionFault = ({
  until,
  most,
  ids,
}: {
  readonly until: number | undefined
  readonly most: number | undefined
  readonly ids: readonly string[]
}): string | undefined => {
  if (until === undefined && ids.length === 0) return 'Either `max_timestamp_millis` or `trace_ids` must be specified.'
  if (until !== undefined && ids.length > 0)
    return 'Only one of `max_timestamp_millis` and `trace_ids` can be specified.'
  if (ids.length > 0 && most !== undefined) return "`max_traces` can't be specified if `trace_ids` is specified."
  if (most !== undefined && most <= 0) return `\`max_traces\` must be a positive integer, received ${most}.`
  return undefined
}

const linkEndpoints: readonly Endpoint[] = [
  endpoint({
    method: 'POST',
    path: 'traces/link-to-run',
    needs: 'registry.write',
    doc: 'Ties traces to a run.',
    input: { trace_ids: required(list(required(text))), run_id: required(text) },
    async run({ registry }, input) {
      await registry.traces.linkToRun(input.trace_ids, input.run_id)
      return {}
    },
  }),
  endpoint({
    method: 'POST',
    path: 'traces/link-prompts',
    needs: 'registry.write',
    doc: 'Ties versions of prompts to a trace.',
    input: { ...id, prompt_versions: required(items({ name: required(text), version: required(text) })) },
    async run({ registry }, input) {
      const prompts = input.prompt_versions.map(({ name, version }) => `${name}/${version}`)
      await registry.traces.linkPrompts(input.trace_id, prompts)
      return {}
    },
  }),
]

const olderStatuses = ['TRACE_STATUS_UNSPECIFIED', ...traceStates] as const
const pairs = items({ key: required(text), value: textOr('') })

/** What clients before MLflow 3 use: they begin a trace, upload a file with its spans, and end it. */
const olderEndpoints: readonly Endpoint[] = [
  endpoint({
    method: 'POST',
    path: 'traces',
    needs: 'registry.write',
    doc: 'Begins a trace (clients before MLflow 3).',
    input: { experiment_id: required(text), timestamp_ms: required(integer), request_metadata: pairs, tags: pairs },
    async run({ registry }, input) {
      const trace = await registry.traces.begin({
        experimentId: input.experiment_id,
        timestampMs: input.timestamp_ms,
        tags: input.tags,
        metadata: input.request_metadata,
      })
      return { trace_info: olderTraceInfoView(trace) }
    },
  }),
  endpoint({
    method: 'PATCH',
    path: 'traces/{trace_id}',
    needs: 'registry.write',
    doc: 'Ends a trace (clients before MLflow 3).',
    input: {
      ...id,
      timestamp_ms: required(integer),
      status: oneOf(olderStatuses),
      request_metadata: pairs,
      tags: pairs,
    },
    async run({ registry }, input) {
      const { status = 'STATE_UNSPECIFIED' } = input
      const trace = await registry.traces.end(input.trace_id, {
        timestampMs: input.timestamp_ms,
        state: status === 'TRACE_STATUS_UNSPECIFIED' ? 'STATE_UNSPECIFIED' : status,
        tags: input.tags,
        metadata: input.request_metadata,
      })
      return { trace_info: olderTraceInfoView(trace) }
    },
  }),
  endpoint({
    method: 'GET',
    path: 'traces/{trace_id}/info',
    needs: 'registry.read',
    doc: 'One trace (clients before MLflow 3).',
    input: id,
    async run({ registry }, input) {
      return { trace_info: olderTraceInfoView(await registry.traces.require(input.trace_id)) }
    },
  }),
  endpoint({
    method: 'GET',
    path: 'traces',
    needs: 'registry.read',
    doc: 'Searches the traces of experiments (clients before MLflow 3).',
    input: {
      experiment_ids: required(list(required(text))),
      filter: text,
      max_results: integer,
      order_by: list(required(text)),
      page_token: text,
    },
    async run({ registry }, input) {
      const found = await registry.traces.search({
        experimentIds: input.experiment_ids,
        filter: input.filter,
        limit: pageSize(input.max_results, page),
        orderBy: input.order_by,
        pageToken: input.page_token,
      })
      return pageView('traces', found.items.map(olderTraceInfoView), found.nextPageToken)
    },
  }),
]

/** Traces, in the versions of the API that have them. */
export const traceEndpoints: readonly Endpoint[] = [
  putTrace,
  ...readEndpoints,
  ...tagEndpoints({}),
  ...tagEndpoints({ version: '3.0' }),
  ...linkEndpoints,
  ...olderEndpoints,
]
