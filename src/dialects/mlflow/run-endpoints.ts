import type { LoggedMetric } from '../../registry/index.ts'
import { runStatuses } from '../../registry/index.ts'
import type { Endpoint } from './endpoint.ts'
import { endpoint } from './endpoint.ts'
import { tagFields, viewOf, viewType } from './experiment-endpoints.ts'
import type { Values } from './fields.ts'
import { decimal, integer, items, list, object, oneOf, required, text, textOr } from './fields.ts'
import { pageSize } from './page-size.ts'
import { requireLoggedModelJson } from './model-json.ts'
import { runId } from './run-id-field.ts'
import { pageView, runInfoView, runView } from './views.ts'

export const paramFields = { key: required(text), value: textOr('') }

const metricFields = {
  key: required(text),
  value: required(decimal),
  timestamp: required(integer),
  step: integer,
  model_id: text,
  dataset_name: text,
  dataset_digest: text,
}

type MetricValues = Values<typeof metricFields>

const metricOf = (metric: MetricValues): LoggedMetric => ({
  key: metric.key,
  value: metric.value,
  timestamp: metric.timestamp,
  step: metric.step ?? 0,
  modelId: metric.model_id,
  datasetName: metric.dataset_name,
  datasetDigest: metric.dataset_digest,
})

const lifeEndpoints: readonly Endpoint[] = [
  endpoint({
    method: 'POST',
    path: 'runs/create',
    needs: 'registry.write',
    doc: 'Starts a run.',
    input: {
      experiment_id: textOr('0'),
      user_id: textOr(''),
      run_name: textOr(''),
      start_time: integer,
      tags: items(tagFields),
    },
    async run({ registry, actor }, input) {
      const run = await registry.runs.create(
        {
          experimentId: input.experiment_id,
          userId: input.user_id,
          name: input.run_name,
          startTime: input.start_time,
          tags: input.tags,
        },
        actor,
      )
      return { run: runView(run) }
    },
  }),
  endpoint({
    method: 'GET',
    path: 'runs/get',
    needs: 'registry.read',
    doc: 'One run with its newest metrics, params, tags and inputs; also a deleted one.',
    input: runId.fields,
    async run({ registry }, input) {
      return { run: runView(await registry.runs.require(runId.of(input))) }
    },
  }),
  endpoint({
    method: 'POST',
    path: 'runs/update',
    needs: 'registry.write',
    doc: 'Changes status, end time or name of a run.',
    input: { ...runId.fields, status: oneOf(runStatuses), end_time: integer, run_name: text },
    async run({ registry, actor }, input) {
      const { status, end_time: endTime, run_name: name } = input
      return { run_info: runInfoView(await registry.runs.update(runId.of(input), { status, endTime, name }, actor)) }
    },
  }),
  endpoint({
    method: 'POST',
    path: 'runs/delete',
    needs: 'registry.write',
    doc: 'Deletes a run; it can be restored.',
    input: runId.fields,
    async run({ registry, actor }, input) {
      await registry.runs.delete(runId.of(input), actor)
      return {}
    },
  }),
  endpoint({
    method: 'POST',
    path: 'runs/restore',
    needs: 'registry.write',
    doc: 'Restores a deleted run.',
    input: runId.fields,
    async run({ registry, actor }, input) {
      await registry.runs.restore(runId.of(input), actor)
      return {}
    },
  }),
  endpoint({
    method: 'POST',
    path: 'runs/search',
    needs: 'registry.read',
    doc: 'Searches the runs of experiments.',
    input: {
      experiment_ids: list(required(text)),
      filter: text,
      run_view_type: viewType,
      max_results: integer,
      order_by: list(required(text)),
      page_token: text,
    },
    async run({ registry }, input) {
      const page = await registry.runs.search({
        experimentIds: input.experiment_ids,
        filter: input.filter,
        view: viewOf(input.run_view_type),
        limit: pageSize(input.max_results, { default: 1000, max: 50_000 }),
        orderBy: input.order_by,
        pageToken: input.page_token,
      })
      return pageView('runs', page.items.map(runView), page.nextPageToken)
    },
  }),
]

const logEndpoints: readonly Endpoint[] = [
  endpoint({
    method: 'POST',
    path: 'runs/log-metric',
    needs: 'registry.write',
    doc: 'Logs one measurement.',
    input: { ...runId.fields, ...metricFields },
    async run({ registry }, input) {
      await registry.log.logBatch(runId.of(input), { metrics: [metricOf(input)] })
      return {}
    },
  }),
  endpoint({
    method: 'POST',
    path: 'runs/log-parameter',
    needs: 'registry.write',
    doc: 'Logs one param, which is written once.',
    input: { ...runId.fields, ...paramFields },
    async run({ registry }, input) {
      await registry.log.logBatch(runId.of(input), { params: [{ key: input.key, value: input.value }] })
      return {}
    },
  }),
  endpoint({
    method: 'POST',
    path: 'runs/log-batch',
    needs: 'registry.write',
    doc: 'Logs up to 1000 metrics, params and tags at once: all of them or none.',
    input: { ...runId.fields, metrics: items(metricFields), params: items(paramFields), tags: items(tagFields) },
    async run({ registry, actor }, input) {
      const { params, tags } = input
      await registry.log.logBatch(runId.of(input), { metrics: input.metrics.map(metricOf), params, tags }, actor)
      return {}
    },
  }),
  endpoint({
    method: 'POST',
    path: 'runs/set-tag',
    needs: 'registry.write',
    doc: 'Sets a tag of a run.',
    input: { ...runId.fields, ...tagFields },
    async run({ registry, actor }, input) {
      await registry.runs.setTag(runId.of(input), { key: input.key, value: input.value }, actor)
      return {}
    },
  }),
  endpoint({
    method: 'POST',
    path: 'runs/delete-tag',
    needs: 'registry.write',
    doc: 'Deletes a tag of a run.',
    input: { ...runId.fields, key: required(text) },
    async run({ registry }, input) {
      await registry.runs.deleteTag(runId.of(input), input.key)
      return {}
    },
  }),
  endpoint({
    method: 'POST',
    path: 'runs/log-model',
    needs: 'registry.write',
    doc: 'Records a model that a client of MLflow 2 logged below a run.',
    input: { ...runId.fields, model_json: required(text) },
    async run({ registry }, input) {
      const model = requireLoggedModelJson(input.model_json)
      await registry.log.appendModel(runId.of(input), model)
      return {}
    },
  }),
]

const datasetFields = {
  name: required(text),
  digest: required(text),
  source_type: required(text),
  source: required(text),
  schema: text,
  profile: text,
}

const inputEndpoints: readonly Endpoint[] = [
  endpoint({
    method: 'POST',
    path: 'runs/log-inputs',
    needs: 'registry.write',
    doc: 'Records data sets and models that a run read.',
    input: {
      ...runId.fields,
      datasets: items({ dataset: required(object(datasetFields)), tags: items(tagFields) }),
      models: items({ model_id: required(text) }),
    },
    async run({ registry }, input) {
      const inputs = input.datasets.map(({ dataset, tags }) => ({
        dataset: {
          name: dataset.name,
          digest: dataset.digest,
          sourceType: dataset.source_type,
          source: dataset.source,
          schema: dataset.schema,
          profile: dataset.profile,
        },
        tags,
      }))
      const models = input.models.map((model) => ({ modelId: model.model_id }))
      await registry.log.logInputs(runId.of(input), inputs, models)
      return {}
    },
  }),
  endpoint({
    method: 'POST',
    path: 'runs/outputs',
    needs: 'registry.write',
    doc: 'Records models that a run made.',
    input: { ...runId.fields, models: items({ model_id: required(text), step: integer }) },
    async run({ registry }, input) {
      const models = input.models.map(({ model_id: modelId, step }) => ({ modelId, step: step ?? 0 }))
      await registry.log.logOutputs(runId.of(input), models)
      return {}
    },
  }),
]

export const runEndpoints: readonly Endpoint[] = [...lifeEndpoints, ...logEndpoints, ...inputEndpoints]
