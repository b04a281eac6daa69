import { keptPath } from '../../../registry/index.ts'
import type { Handlers } from './handler.ts'
import { pageItems } from './handler.ts'
import { contextTag, metricView, pageView, runView } from './registry-views.ts'

export const runHandlers: Handlers<'runs'> = {
  'runs.search': async ({ experimentIds, view = 'active', limit = pageItems, ...query }, { registry }) =>
    pageView(await registry.runs.search({ ...query, experimentIds, view, limit }), runView),
  async 'runs.create'({ experimentId = '0', name = '', userId = '', startTime, tags = [] }, { registry, actor }) {
    return runView(await registry.runs.create({ experimentId, name, userId, startTime, tags }, actor))
  },
  'runs.get': async ({ runId }, { registry }) => runView(await registry.runs.require(runId)),
  async 'runs.update'({ runId, ...change }, { registry, actor }) {
    await registry.runs.update(runId, change, actor)
    return runView(await registry.runs.require(runId))
  },
  async 'runs.log'({ runId, metrics = [], ...batch }, { registry, actor }) {
    const read = metrics.map((metric) => ({ ...metric, value: Number(metric.value) }))
    await registry.log.logBatch(runId, { ...batch, metrics: read }, actor)
    return {}
  },
  async 'runs.logInputs'({ runId, datasets = [], modelIds = [] }, { registry }) {
    const inputs = datasets.map(({ context, schema, profile, ...dataset }) => ({
      dataset: { ...dataset, schema, profile },
      tags: context === undefined ? [] : [{ key: contextTag, value: context }],
    }))
    await registry.log.logInputs(
      runId,
      inputs,
      modelIds.map((modelId) => ({ modelId })),
    )
    return {}
  },
  async 'runs.logOutputs'({ runId, models }, { registry }) {
    await registry.log.logOutputs(
      runId,
      models.map(({ modelId, step = 0 }) => ({ modelId, step })),
    )
    return {}
  },
  async 'runs.history'({ runId, key, limit = 1000, pageToken }, { registry }) {
    const { metrics: items, nextPageToken } = await registry.history.page(runId, key, { limit, pageToken })
    return pageView({ items, nextPageToken }, metricView)
  },
  async 'runs.artifacts'({ runId, path = '' }, { registry }) {
    const { artifactUri } = (await registry.runs.require(runId)).info
    const entries = await registry.artifacts.list(keptPath(artifactUri, path))
    const items = entries.map(({ name, isFolder, bytes }) => ({
      path: path === '' ? name : `${path}/${name}`,
      isFolder,
      bytes,
    }))
    return { items }
  },
  async 'runs.delete'({ runId }, { registry, actor }) {
    await registry.runs.delete(runId, actor)
    return {}
  },
  async 'runs.restore'({ runId }, { registry, actor }) {
    await registry.runs.restore(runId, actor)
    return {}
  },
  async 'runs.setTag'({ runId, key, value }, { registry, actor }) {
    await registry.runs.setTag(runId, { key, value }, actor)
    return {}
  },
  async 'runs.deleteTag'({ runId, key }, { registry }) {
    await registry.runs.deleteTag(runId, key)
    return {}
  },
}
