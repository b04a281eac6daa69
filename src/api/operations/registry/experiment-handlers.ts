import type { Handlers } from './handler.ts'
import { pageItems } from './handler.ts'
import { experimentView, pageView } from './registry-views.ts'

export const experimentHandlers: Handlers<'experiments'> = {
  'experiments.search': async ({ view = 'active', limit = pageItems, ...query }, { registry }) =>
    pageView(await registry.experiments.search({ ...query, view, limit }), experimentView),
  async 'experiments.create'({ name, ...options }, { registry, actor }) {
    return experimentView(await registry.experiments.require(await registry.experiments.create(name, options, actor)))
  },
  'experiments.get': async ({ experimentId }, { registry }) =>
    experimentView(await registry.experiments.require(experimentId)),
  async 'experiments.rename'({ experimentId, name }, { registry, actor }) {
    await registry.experiments.rename(experimentId, name, actor)
    return experimentView(await registry.experiments.require(experimentId))
  },
  async 'experiments.delete'({ experimentId }, { registry, actor }) {
    await registry.experiments.delete(experimentId, actor)
    return {}
  },
  async 'experiments.restore'({ experimentId }, { registry, actor }) {
    await registry.experiments.restore(experimentId, actor)
    return {}
  },
  async 'experiments.setTag'({ experimentId, key, value }, { registry }) {
    await registry.experiments.setTag(experimentId, { key, value })
    return {}
  },
  async 'experiments.deleteTag'({ experimentId, key }, { registry }) {
    await registry.experiments.deleteTag(experimentId, key)
    return {}
  },
}
