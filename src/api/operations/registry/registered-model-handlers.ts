import type { Handlers } from './handler.ts'
import { pageItems } from './handler.ts'
import { modelView, pageView, versionView } from './registry-views.ts'

export const registeredModelHandlers: Handlers<'registeredModels'> = {
  'registeredModels.search': async ({ limit = pageItems, ...query }, { registry }) =>
    pageView(await registry.models.search({ ...query, limit }), modelView),
  'registeredModels.create': async ({ name, ...options }, { registry, actor }) =>
    modelView(await registry.models.create(name, options, actor)),
  'registeredModels.get': async ({ name }, { registry }) => modelView(await registry.models.require(name)),
  'registeredModels.rename': async ({ name, newName }, { registry, actor }) =>
    modelView(await registry.models.rename(name, newName, actor)),
  'registeredModels.describe': async ({ name, description }, { registry, actor }) =>
    modelView(await registry.models.describe(name, description, actor)),
  async 'registeredModels.delete'({ name }, { registry, actor }) {
    await registry.models.delete(name, actor)
    return {}
  },
  async 'registeredModels.setTag'({ name, key, value }, { registry, actor }) {
    await registry.models.setTag(name, { key, value }, actor)
    return {}
  },
  async 'registeredModels.deleteTag'({ name, key }, { registry, actor }) {
    await registry.models.deleteTag(name, key, actor)
    return {}
  },
  async 'registeredModels.setAlias'({ name, alias, version }, { registry, actor }) {
    await registry.models.setAlias(name, alias, version, actor)
    return versionView(await registry.versions.require(name, version))
  },
  async 'registeredModels.deleteAlias'({ name, alias }, { registry, actor }) {
    await registry.models.deleteAlias(name, alias, actor)
    return {}
  },
  async 'registeredModels.aliasHistory'({ name, alias }, { registry }) {
    return { items: await registry.modelHistory.aliasHistory(name, alias) }
  },
  async 'registeredModels.aliasAt'({ name, alias, time }, { registry }) {
    return (await registry.modelHistory.aliasAt(name, alias, time)) ?? {}
  },
  'registeredModels.aliased': async ({ name, alias }, { registry }) =>
    versionView(await registry.models.versionByAlias(name, alias)),
}
