import { fail } from '../../protocol/index.ts'
import { historyPageMax, samplePointsMax, sampleRunsMax } from '../../registry/index.ts'
import type { Endpoint } from './endpoint.ts'
import { endpoint } from './endpoint.ts'
import { integer, list, required, text } from './fields.ts'
import { runId } from './run-id-field.ts'
import { metricView, pageView, runMetricView } from './views.ts'

const runIds = { run_ids: list(required(text)), run_id: list(required(text)) }

const requireRuns = (input: {
  readonly run_ids: readonly string[]
  readonly run_id: readonly string[]
}): readonly string[] => {
  const ids = input.run_ids.length > 0 ? input.run_ids : input.run_id
  if (ids.length >= 1 && ids.length <= sampleRunsMax) return ids
  throw fail('invalid_parameter', {
    reason:
      ids.length === 0
        ? 'GetMetricHistoryBulk request must specify at least one run_id.'
        : `GetMetricHistoryBulk request cannot specify more than ${sampleRunsMax} run_ids. Received ${ids.length} run_ids.`,
  })
}

/** The history of metrics. */
export const metricEndpoints: readonly Endpoint[] = [
  endpoint({
    method: 'GET',
    path: 'metrics/get-history',
    needs: 'registry.read',
    doc: 'Every value that a metric of a run ever had.',
    input: { ...runId.fields, metric_key: required(text), page_token: text, max_results: integer },
    async run({ registry }, input) {
      const limit = Math.min(Math.max(1, input.max_results ?? historyPageMax), historyPageMax)
      const page = await registry.history.page(runId.of(input), input.metric_key, {
        limit,
        pageToken: input.page_token,
      })
      return pageView('metrics', page.metrics.map(metricView), page.nextPageToken)
    },
  }),
  endpoint({
    method: 'GET',
    path: 'metrics/get-history-bulk',
    needs: 'registry.read',
    doc: 'The values of one metric of several runs.',
    input: { ...runIds, metric_key: required(text), max_results: integer },
    async run({ registry }, input) {
      const limit = Math.min(Math.max(1, input.max_results ?? historyPageMax), historyPageMax)
      return { metrics: (await registry.history.bulk(requireRuns(input), input.metric_key, limit)).map(runMetricView) }
    },
  }),
  endpoint({
    method: 'GET',
    path: 'metrics/get-history-bulk-interval',
    needs: 'registry.read',
    doc: 'Values of one metric of several runs, thinned out for drawing.',
    input: { ...runIds, metric_key: required(text), start_step: integer, end_step: integer, max_results: integer },
    async run({ registry }, input) {
      const points = input.max_results ?? samplePointsMax
      if (points < 1 || points > samplePointsMax)
        throw fail('invalid_parameter', { reason: `max_results must be between 1 and ${samplePointsMax}.` })
      const metrics = await registry.history.sample(requireRuns(input), input.metric_key, {
        points,
        startStep: input.start_step,
        endStep: input.end_step,
      })
      return metrics.length === 0 ? {} : { metrics: metrics.map(runMetricView) }
    },
  }),
]
