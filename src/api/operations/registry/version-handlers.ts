import { fail } from '../../../protocol/index.ts'
import { ensureModel, isPromptTag } from './ensure-model.ts'
import type { Handlers } from './handler.ts'
import { pageItems } from './handler.ts'
import { pageView, versionView } from './registry-views.ts'

export const versionHandlers: Handlers<'modelVersions'> = {
  'modelVersions.search': async ({ limit = pageItems, ...query }, { registry }) =>
    pageView(await registry.versions.search({ ...query, limit }), versionView),
  async 'modelVersions.create'({ name, source, runId = '', description = '', tags = [] }, { registry, actor }) {
    const version = { name, source, runId, description, tags, runLink: '', modelId: '' }
    return versionView(await registry.versions.create(version, actor))
  },
  async 'modelVersions.copy'({ name, version, to }, { registry, actor }) {
    const { description, tags, runId, runLink, modelId } = await registry.versions.require(name, version)
    if (tags.some(isPromptTag))
      throw fail('invalid_request', { reason: `'${name}' is a prompt; prompts.register makes versions of those` })
    await ensureModel(registry, to, { isPrompt: false }, actor)
    const source = `models:/${name}/${version}`
    const copy = { name: to, source, description, tags, runId, runLink, modelId }
    return versionView(await registry.versions.create(copy, actor))
  },
  'modelVersions.get': async ({ name, version }, { registry }) =>
    versionView(await registry.versions.require(name, version)),
  'modelVersions.describe': async ({ name, version, description }, { registry, actor }) =>
    versionView(await registry.versions.describe(name, version, description, actor)),
  'modelVersions.move': async ({ name, version, stage, archiveExisting = false }, { registry, actor }) =>
    versionView(await registry.versions.transition(name, version, { stage, archiveExisting }, actor)),
  async 'modelVersions.stageHistory'({ name, version }, { registry }) {
    return { items: await registry.modelHistory.stageHistory(name, version) }
  },
  'modelVersions.verify': ({ name, version }, { registry, actor }) =>
    registry.integrity.verifyDigests(name, version, actor),
  async 'modelVersions.signature'({ name, version }, { registry }) {
    return (await registry.signatures.get(name, version)) ?? { state: 'unknown' }
  },
  async 'modelVersions.delete'({ name, version }, { registry, actor }) {
    await registry.versions.delete(name, version, actor)
    return {}
  },
  async 'modelVersions.setTag'({ name, version, key, value }, { registry, actor }) {
    await registry.versions.setTag(name, version, { key, value }, actor)
    return {}
  },
  async 'modelVersions.deleteTag'({ name, version, key }, { registry, actor }) {
    await registry.versions.deleteTag(name, version, key, actor)
    return {}
  },
}
