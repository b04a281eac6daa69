import { loggedModelStatuses } from '../../registry/index.ts'
import type { Endpoint } from './endpoint.ts'
import { endpoint } from './endpoint.ts'
import { tagFields } from './experiment-endpoints.ts'
import { boolean, integer, items, list, oneOf, required, text, textOr } from './fields.ts'
import { pageSize } from './page-size.ts'
import { paramFields } from './run-endpoints.ts'
import { loggedModelView, pageView } from './views.ts'

const id = { model_id: required(text) }
/** Newer servers give no more a page; a client that asks for more gets this many. */
const searchMax = 50

/** What is there of some fields. */
const given = <T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }

/** Logged models (MLflow 3). */
export const loggedModelEndpoints: readonly Endpoint[] = [
  endpoint({
    method: 'POST',
    path: 'logged-models',
    needs: 'registry.write',
    doc: 'Begins a logged model; its files follow.',
    input: {
      experiment_id: required(text),
      name: textOr(''),
      model_type: textOr(''),
      source_run_id: textOr(''),
      params: items(paramFields),
      tags: items(tagFields),
    },
    async run({ registry, actor }, input) {
      const model = await registry.loggedModels.create(
        {
          experimentId: input.experiment_id,
          name: input.name,
          modelType: input.model_type,
          sourceRunId: input.source_run_id,
          params: input.params,
          tags: input.tags,
        },
        actor,
      )
      return { model: loggedModelView(model) }
    },
  }),
  endpoint({
    method: 'GET',
    path: 'logged-models/{model_id}',
    needs: 'registry.read',
    doc: 'One logged model.',
    input: id,
    async run({ registry }, input) {
      return { model: loggedModelView(await registry.loggedModels.require(input.model_id)) }
    },
  }),
  endpoint({
    method: 'PATCH',
    path: 'logged-models/{model_id}',
    needs: 'registry.write',
    doc: 'Says that a logged model is complete, or failed.',
    input: { ...id, status: required(oneOf(loggedModelStatuses)) },
    async run({ registry, actor }, input) {
      return { model: loggedModelView(await registry.loggedModels.finish(input.model_id, input.status, actor)) }
    },
  }),
  endpoint({
    method: 'DELETE',
    path: 'logged-models/{model_id}',
    needs: 'registry.write',
    doc: 'Deletes a logged model.',
    input: id,
    async run({ registry, actor }, input) {
      await registry.loggedModels.delete(input.model_id, actor)
      return {}
    },
  }),
  endpoint({
    method: 'POST',
    path: 'logged-models/search',
    needs: 'registry.read',
    doc: 'Searches the logged models of experiments.',
    input: {
      experiment_ids: required(list(required(text))),
      filter: text,
      datasets: items({ dataset_name: required(text), dataset_digest: text }),
      max_results: integer,
      order_by: items({ field_name: required(text), ascending: boolean, dataset_name: text, dataset_digest: text }),
      page_token: text,
    },
    async run({ registry }, input) {
      const limit = Math.min(pageSize(input.max_results, { default: searchMax, max: 50_000 }), searchMax)
      const page = await registry.loggedModels.search({
        experimentIds: input.experiment_ids,
        filter: input.filter,
        datasets: input.datasets.map(({ dataset_name: name, dataset_digest: digest }) => ({
          name,
          ...(digest === undefined ? {} : { digest }),
        })),
        limit,
        order: input.order_by.map(given),
        pageToken: input.page_token,
      })
      return pageView('models', page.items.map(loggedModelView), page.nextPageToken)
    },
  }),
  endpoint({
    method: 'PATCH',
    path: 'logged-models/{model_id}/tags',
    needs: 'registry.write',
    doc: 'Sets tags of a logged model.',
    input: { ...id, tags: items(tagFields) },
    async run({ registry }, input) {
      await registry.loggedModels.setTags(input.model_id, input.tags)
      return {}
    },
  }),
  endpoint({
    method: 'DELETE',
    path: 'logged-models/{model_id}/tags/{tag_key}',
    needs: 'registry.write',
    doc: 'Deletes a tag of a logged model.',
    input: { ...id, tag_key: required(text) },
    async run({ registry }, input) {
      await registry.loggedModels.deleteTag(input.model_id, input.tag_key)
      return {}
    },
  }),
  endpoint({
    method: 'POST',
    path: 'logged-models/{model_id}/params',
    needs: 'registry.write',
    doc: 'Adds params to a logged model.',
    input: { ...id, params: items(paramFields) },
    async run({ registry }, input) {
      await registry.loggedModels.logParams(input.model_id, input.params)
      return {}
    },
  }),
]
