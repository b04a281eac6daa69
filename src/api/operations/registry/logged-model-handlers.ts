import type { LoggedModelView } from '../../../protocol/index.ts'
import type { LoggedModel } from '../../../registry/index.ts'
import type { Handlers } from './handler.ts'
import { pageItems } from './handler.ts'
import { metricView, pageView } from './registry-views.ts'

const loggedModelView = (model: LoggedModel): LoggedModelView => ({
  modelId: model.modelId,
  experimentId: model.experimentId,
  name: model.name,
  artifactUri: model.artifactUri,
  status: model.status,
  modelType: model.modelType,
  sourceRunId: model.sourceRunId,
  creationTime: model.creationTime,
  lastUpdatedTime: model.lastUpdatedTime,
  tags: model.tags,
  params: model.params,
  metrics: model.metrics.map(({ runId, datasetName, datasetDigest, ...metric }) => ({
    ...metricView(metric),
    runId,
    datasetName,
    datasetDigest,
  })),
  registrations: model.registrations,
})

/** `metrics.auc DESC` as the search of logged models takes it. */
const orderField = (clause: string): { field_name: string; ascending: boolean } => {
  const field = clause.trim()
  const direction = /\s(asc|desc)$/i.exec(field)?.[1]
  return {
    field_name: direction === undefined ? field : field.slice(0, -direction.length).trim(),
    ascending: direction?.toLowerCase() !== 'desc',
  }
}

export const loggedModelHandlers: Handlers<'loggedModels'> = {
  async 'loggedModels.search'({ orderBy = [], datasets = [], limit = pageItems, ...query }, { registry }) {
    const order = orderBy.map(orderField)
    return pageView(await registry.loggedModels.search({ ...query, limit, datasets, order }), loggedModelView)
  },
  async 'loggedModels.create'(
    { experimentId, name = '', modelType = '', sourceRunId = '', params = [], tags = [] },
    { registry, actor },
  ) {
    const model = { experimentId, name, modelType, sourceRunId, params, tags }
    return loggedModelView(await registry.loggedModels.create(model, actor))
  },
  'loggedModels.get': async ({ modelId }, { registry }) =>
    loggedModelView(await registry.loggedModels.require(modelId)),
  'loggedModels.finish': async ({ modelId, status }, { registry, actor }) =>
    loggedModelView(await registry.loggedModels.finish(modelId, status, actor)),
  async 'loggedModels.delete'({ modelId }, { registry, actor }) {
    await registry.loggedModels.delete(modelId, actor)
    return {}
  },
  async 'loggedModels.setTag'({ modelId, key, value }, { registry }) {
    await registry.loggedModels.setTags(modelId, [{ key, value }])
    return {}
  },
  async 'loggedModels.deleteTag'({ modelId, key }, { registry }) {
    await registry.loggedModels.deleteTag(modelId, key)
    return {}
  },
  async 'loggedModels.logParams'({ modelId, params }, { registry }) {
    await registry.loggedModels.logParams(modelId, params)
    return {}
  },
}
