import type { View } from '../../registry/index.ts'
import { fail } from '../../protocol/index.ts'
import type { Endpoint } from './endpoint.ts'
import { endpoint } from './endpoint.ts'
import { integer, items, list, oneOf, required, text, textOr } from './fields.ts'
import { pageSize } from './page-size.ts'
import { experimentView, pageView } from './views.ts'

const id = { experiment_id: required(text) }
export const tagFields = { key: required(text), value: textOr('') }

export const viewType = oneOf(['ACTIVE_ONLY', 'DELETED_ONLY', 'ALL'])
const views: Readonly<Record<'ACTIVE_ONLY' | 'DELETED_ONLY' | 'ALL', View>> = {
  ACTIVE_ONLY: 'active',
  DELETED_ONLY: 'deleted',
  ALL: 'all',
}
export const viewOf = (type: keyof typeof views | undefined): View => views[type ?? 'ACTIVE_ONLY']

const search = (method: 'GET' | 'POST'): Endpoint =>
  endpoint({
    method,
    path: 'experiments/search',
    needs: 'registry.read',
    doc: 'Searches experiments.',
    input: {
      max_results: integer,
      page_token: text,
      filter: text,
      order_by: list(required(text)),
      view_type: viewType,
    },
    async run({ registry }, input) {
      const page = await registry.experiments.search({
        filter: input.filter,
        orderBy: input.order_by,
        limit: pageSize(input.max_results, { default: 1000, max: 50_000 }),
        pageToken: input.page_token,
        view: viewOf(input.view_type),
      })
      return pageView('experiments', page.items.map(experimentView), page.nextPageToken)
    },
  })

export const experimentEndpoints: readonly Endpoint[] = [
  endpoint({
    method: 'POST',
    path: 'experiments/create',
    needs: 'registry.write',
    doc: 'Makes an experiment.',
    input: { name: required(text), artifact_location: textOr(''), tags: items(tagFields) },
    async run({ registry, actor }, { name, artifact_location: artifactLocation, tags }) {
      return { experiment_id: await registry.experiments.create(name, { artifactLocation, tags }, actor) }
    },
  }),
  endpoint({
    method: 'GET',
    path: 'experiments/get',
    needs: 'registry.read',
    doc: 'One experiment, also a deleted one.',
    input: id,
    async run({ registry }, input) {
      return { experiment: experimentView(await registry.experiments.require(input.experiment_id)) }
    },
  }),
  endpoint({
    method: 'GET',
    path: 'experiments/get-by-name',
    needs: 'registry.read',
    doc: 'One experiment by its name, also a deleted one.',
    input: { experiment_name: required(text) },
    async run({ registry }, { experiment_name: name }) {
      const experiment = await registry.experiments.getByName(name)
      if (experiment === undefined)
        throw fail('resource_missing', { reason: `Could not find experiment with name '${name.slice(0, 500)}'` })
      return { experiment: experimentView(experiment) }
    },
  }),
  search('POST'),
  search('GET'),
  endpoint({
    method: 'POST',
    path: 'experiments/update',
    needs: 'registry.write',
    doc: 'Renames an experiment.',
    input: { ...id, new_name: required(text) },
    async run({ registry, actor }, { experiment_id: experimentId, new_name: name }) {
      await registry.experiments.rename(experimentId, name, actor)
      return {}
    },
  }),
  endpoint({
    method: 'POST',
    path: 'experiments/delete',
    needs: 'registry.write',
    doc: 'Deletes an experiment and its runs; they can be restored.',
    input: id,
    async run({ registry, actor }, input) {
      await registry.experiments.delete(input.experiment_id, actor)
      return {}
    },
  }),
  endpoint({
    method: 'POST',
    path: 'experiments/restore',
    needs: 'registry.write',
    doc: 'Restores a deleted experiment and its runs.',
    input: id,
    async run({ registry, actor }, input) {
      await registry.experiments.restore(input.experiment_id, actor)
      return {}
    },
  }),
  endpoint({
    method: 'POST',
    path: 'experiments/set-experiment-tag',
    needs: 'registry.write',
    doc: 'Sets a tag of an experiment.',
    input: { ...id, ...tagFields },
    async run({ registry }, { experiment_id: experimentId, key, value }) {
      await registry.experiments.setTag(experimentId, { key, value })
      return {}
    },
  }),
  endpoint({
    method: 'POST',
    path: 'experiments/delete-experiment-tag',
    needs: 'registry.write',
    doc: 'Deletes a tag of an experiment.',
    input: { ...id, key: required(text) },
    async run({ registry }, { experiment_id: experimentId, key }) {
      await registry.experiments.deleteTag(experimentId, key)
      return {}
    },
  }),
]
