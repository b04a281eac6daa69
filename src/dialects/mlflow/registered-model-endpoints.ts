import type { Endpoint } from './endpoint.ts'
import { endpoint } from './endpoint.ts'
import { tagFields } from './experiment-endpoints.ts'
import { boolean, integer, items, list, required, text, textOr } from './fields.ts'
import { pageSize } from './page-size.ts'
import { modelVersionView, pageView, registeredModelView } from './views.ts'

const name = { name: required(text) }
const version = { ...name, version: required(text) }

const modelEndpoints: readonly Endpoint[] = [
  endpoint({
    method: 'POST',
    path: 'registered-models/create',
    needs: 'registry.write',
    doc: 'Registers a model by name.',
    input: { ...name, tags: items(tagFields), description: textOr('') },
    async run({ registry, actor }, { name: modelName, tags, description }) {
      const model = await registry.models.create(modelName, { description, tags }, actor)
      return { registered_model: registeredModelView(model) }
    },
  }),
  endpoint({
    method: 'POST',
    path: 'registered-models/rename',
    needs: 'registry.write',
    doc: 'Renames a registered model.',
    input: { ...name, new_name: required(text) },
    async run({ registry, actor }, input) {
      const model = await registry.models.rename(input.name, input.new_name, actor)
      return { registered_model: registeredModelView(model) }
    },
  }),
  endpoint({
    method: 'PATCH',
    path: 'registered-models/update',
    needs: 'registry.write',
    doc: "Changes a registered model's description.",
    input: { ...name, description: textOr('') },
    async run({ registry, actor }, input) {
      const model = await registry.models.describe(input.name, input.description, actor)
      return { registered_model: registeredModelView(model) }
    },
  }),
  endpoint({
    method: 'DELETE',
    path: 'registered-models/delete',
    needs: 'registry.write',
    doc: 'Deletes a registered model with all its versions.',
    input: name,
    async run({ registry, actor }, input) {
      await registry.models.delete(input.name, actor)
      return {}
    },
  }),
  endpoint({
    method: 'GET',
    path: 'registered-models/get',
    needs: 'registry.read',
    doc: 'One registered model.',
    input: name,
    async run({ registry }, input) {
      return { registered_model: registeredModelView(await registry.models.require(input.name)) }
    },
  }),
  endpoint({
    method: 'GET',
    path: 'registered-models/search',
    needs: 'registry.read',
    doc: 'Searches registered models.',
    input: { filter: text, max_results: integer, order_by: list(required(text)), page_token: text },
    async run({ registry }, input) {
      const page = await registry.models.search({
        filter: input.filter,
        orderBy: input.order_by,
        limit: pageSize(input.max_results, { default: 100, max: 1000 }),
        pageToken: input.page_token,
      })
      return pageView('registered_models', page.items.map(registeredModelView), page.nextPageToken)
    },
  }),
  ...(['POST', 'GET'] as const).map((method) =>
    endpoint({
      method,
      path: 'registered-models/get-latest-versions',
      needs: 'registry.read',
      doc: 'The newest version of each stage.',
      input: { ...name, stages: list(required(text)) },
      async run({ registry }, input) {
        const versions = await registry.models.latestVersions(input.name, input.stages)
        return pageView('model_versions', versions.map(modelVersionView), undefined)
      },
    }),
  ),
  endpoint({
    method: 'POST',
    path: 'registered-models/set-tag',
    needs: 'registry.write',
    doc: 'Sets a tag of a registered model.',
    input: { ...name, ...tagFields },
    async run({ registry, actor }, input) {
      await registry.models.setTag(input.name, { key: input.key, value: input.value }, actor)
      return {}
    },
  }),
  endpoint({
    method: 'DELETE',
    path: 'registered-models/delete-tag',
    needs: 'registry.write',
    doc: 'Deletes a tag of a registered model.',
    input: { ...name, key: required(text) },
    async run({ registry, actor }, input) {
      await registry.models.deleteTag(input.name, input.key, actor)
      return {}
    },
  }),
]

const alias = { ...name, alias: required(text) }

const aliasEndpoints: readonly Endpoint[] = [
  endpoint({
    method: 'POST',
    path: 'registered-models/alias',
    needs: 'registry.write',
    doc: 'Points an alias at a version; it moves when it is there.',
    input: { ...alias, version: required(text) },
    async run({ registry, actor }, input) {
      await registry.models.setAlias(input.name, input.alias, input.version, actor)
      return {}
    },
  }),
  endpoint({
    method: 'DELETE',
    path: 'registered-models/alias',
    needs: 'registry.write',
    doc: 'Deletes an alias.',
    input: alias,
    async run({ registry, actor }, input) {
      await registry.models.deleteAlias(input.name, input.alias, actor)
      return {}
    },
  }),
  endpoint({
    method: 'GET',
    path: 'registered-models/alias',
    needs: 'registry.read',
    doc: 'The version that an alias points at.',
    input: alias,
    async run({ registry }, input) {
      return { model_version: modelVersionView(await registry.models.versionByAlias(input.name, input.alias)) }
    },
  }),
]

const versionEndpoints: readonly Endpoint[] = [
  endpoint({
    method: 'POST',
    path: 'model-versions/create',
    needs: 'registry.write',
    doc: 'Registers the next version of a model.',
    input: {
      ...name,
      source: required(text),
      run_id: textOr(''),
      run_link: textOr(''),
      model_id: textOr(''),
      description: textOr(''),
      tags: items(tagFields),
    },
    async run({ registry, actor }, input) {
      const created = await registry.versions.create(
        {
          name: input.name,
          source: input.source,
          runId: input.run_id,
          runLink: input.run_link,
          modelId: input.model_id,
          description: input.description,
          tags: input.tags,
        },
        actor,
      )
      return { model_version: modelVersionView(created) }
    },
  }),
  endpoint({
    method: 'GET',
    path: 'model-versions/get',
    needs: 'registry.read',
    doc: 'One version of a registered model.',
    input: version,
    async run({ registry }, input) {
      return { model_version: modelVersionView(await registry.versions.require(input.name, input.version)) }
    },
  }),
  endpoint({
    method: 'PATCH',
    path: 'model-versions/update',
    needs: 'registry.write',
    doc: "Changes a version's description.",
    input: { ...version, description: textOr('') },
    async run({ registry, actor }, input) {
      const changed = await registry.versions.describe(input.name, input.version, input.description, actor)
      return { model_version: modelVersionView(changed) }
    },
  }),
  endpoint({
    method: 'POST',
    path: 'model-versions/transition-stage',
    needs: 'registry.write',
    doc: 'Moves a version to a stage.',
    input: { ...version, stage: required(text), archive_existing_versions: boolean },
    async run({ registry, actor }, input) {
      const move = { stage: input.stage, archiveExisting: input.archive_existing_versions ?? false }
      return {
        model_version: modelVersionView(await registry.versions.transition(input.name, input.version, move, actor)),
      }
    },
  }),
  endpoint({
    method: 'DELETE',
    path: 'model-versions/delete',
    needs: 'registry.write',
    doc: 'Deletes a version.',
    input: version,
    async run({ registry, actor }, input) {
      await registry.versions.delete(input.name, input.version, actor)
      return {}
    },
  }),
  endpoint({
    method: 'GET',
    path: 'model-versions/search',
    needs: 'registry.read',
    doc: 'Searches the versions of all models.',
    input: { filter: text, max_results: integer, order_by: list(required(text)), page_token: text },
    async run({ registry }, input) {
      const page = await registry.versions.search({
        filter: input.filter,
        orderBy: input.order_by,
        limit: pageSize(input.max_results, { default: 10_000, max: 200_000 }),
        pageToken: input.page_token,
      })
      const rows = page.items.map((item) => modelVersionView({ ...item, aliases: [] }))
      return pageView('model_versions', rows, page.nextPageToken)
    },
  }),
  endpoint({
    method: 'GET',
    path: 'model-versions/get-download-uri',
    needs: 'registry.read',
    doc: "Where a version's files are.",
    input: version,
    async run({ registry }, input) {
      return { artifact_uri: (await registry.versions.require(input.name, input.version)).storageLocation }
    },
  }),
  endpoint({
    method: 'POST',
    path: 'model-versions/set-tag',
    needs: 'registry.write',
    doc: 'Sets a tag of a version.',
    input: { ...version, ...tagFields },
    async run({ registry, actor }, input) {
      await registry.versions.setTag(input.name, input.version, { key: input.key, value: input.value }, actor)
      return {}
    },
  }),
  endpoint({
    method: 'DELETE',
    path: 'model-versions/delete-tag',
    needs: 'registry.write',
    doc: 'Deletes a tag of a version.',
    input: { ...version, key: required(text) },
    async run({ registry, actor }, input) {
      await registry.versions.deleteTag(input.name, input.version, input.key, actor)
      return {}
    },
  }),
]

export const registeredModelEndpoints: readonly Endpoint[] = [...modelEndpoints, ...aliasEndpoints, ...versionEndpoints]
