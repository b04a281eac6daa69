import { importOperations } from './import-operations.ts'
import type { RegistryOperationSpec } from './operation-spec.ts'
import {
  operationsOf,
  registryVerbs,
  runStatusShape as status,
  stageShape as stage,
  tagShape as tag,
  textShape as text,
  timeShape as time,
} from './operation-spec.ts'
import type { RegistryApi, RegistryOperationName } from './registry-types.ts'
import type { Shape } from './shape.ts'
import { trackingOperations } from './tracking-operations.ts'

const view: Shape = { type: 'string', enum: ['active', 'deleted', 'all'] }
const tags: Shape = { type: 'array', items: tag, maxItems: 1000 }
const reason: Shape = { type: 'string', maxLength: 2000, description: 'why; kept in the history' }
const metric: Shape = {
  type: 'object',
  properties: {
    key: text,
    value: { type: 'number' },
    timestamp: time,
    step: { type: 'integer' },
    modelId: { type: 'string', description: 'the logged model that it was measured of' },
    datasetName: text,
    datasetDigest: text,
  },
  required: ['key', 'value', 'timestamp', 'step'],
}
const limit: Shape = { type: 'integer', minimum: 1, maximum: 50_000, description: 'items a page' }
const page = {
  filter: { type: 'string', description: "in MLflow's search language, with OR, NOT and parentheses" },
  orderBy: { type: 'array', items: text, maxItems: 20 },
  limit,
  pageToken: { type: 'string', description: 'nextPageToken of the page before' },
} as const

const span = (description: string): Shape => ({ type: 'integer', minimum: 0, description })
const ids: Shape = { type: 'array', items: text, maxItems: 1000 }
const garbage = {
  olderThanMs: span('how long ago something must have been deleted; 30 days, or none for what is named'),
  blobAgeMs: span('how long a file must have been stored before it can count as unused; an hour'),
  runIds: ids,
  loggedModelIds: ids,
  experimentIds: ids,
  limit: { ...limit, maximum: 1000 },
  pageToken: text,
} as const

const { read, query, create, put, change, remove } = registryVerbs
const purge = operationsOf('POST', 'registry.purge')

const experiment = '/experiments/{experimentId}'
const run = '/runs/{runId}'
const model = '/registered-models/{name}'
const version = `${model}/versions/{version}`
const endpoint = '/endpoints/{name}'
const webhook = '/webhooks/{webhookId}'

const webhookFields: Readonly<Record<string, Shape>> = {
  name: text,
  url: { type: 'string', description: 'https, at a public address, unless registry.webhooks.allow lists it' },
  events: { type: 'array', items: text, maxItems: 100 },
  description: text,
  secret: { type: 'string', description: 'signs what is sent; never given out' },
  status: { type: 'string', enum: ['ACTIVE', 'DISABLED'] },
}

/** The registry's operations. Routes, the OpenAPI document and the client are made of this table. */
export const registryOperations: Readonly<Record<RegistryOperationName, RegistryOperationSpec>> = {
  'experiments.search': read('/experiments', 'Searches experiments.', { ...page, view }),
  'experiments.create': create('/experiments', 'Creates an experiment.', { name: text, artifactLocation: text, tags }, [
    'name',
  ]),
  'experiments.get': read(experiment, 'One experiment.'),
  'experiments.rename': change(experiment, 'Renames an experiment.', { name: text }, ['name']),
  'experiments.delete': remove(experiment, 'Deletes an experiment and its runs; they can be restored.'),
  'experiments.restore': create(`${experiment}/restore`, 'Restores a deleted experiment and its runs.'),
  'experiments.setTag': put(`${experiment}/tags/{key}`, 'Sets a tag of an experiment.', { value: text }, ['value']),
  'experiments.deleteTag': remove(`${experiment}/tags/{key}`, 'Deletes a tag of an experiment.'),
  'runs.search': query(
    '/runs/search',
    'Searches the runs of experiments.',
    { ...page, view, experimentIds: { type: 'array', items: text, maxItems: 1000 } },
    ['experimentIds'],
  ),
  'runs.create': create('/runs', 'Starts a run.', {
    experimentId: text,
    name: text,
    userId: text,
    startTime: time,
    tags,
  }),
  'runs.get': read(run, 'One run with its newest metrics, params, tags and data sets.'),
  'runs.update': change(run, 'Ends or renames a run.', { status, endTime: time, name: text }),
  'runs.log': create(`${run}/log`, 'Logs metrics, params and tags, all or none.', {
    metrics: { type: 'array', items: metric, maxItems: 1000 },
    params: { type: 'array', items: tag, maxItems: 100 },
    tags: { type: 'array', items: tag, maxItems: 100 },
  }),
  'runs.history': read(`${run}/metrics/{key}`, 'Every value of a metric, in the order of steps.', {
    limit: { ...limit, maximum: 25_000 },
    pageToken: text,
  }),
  'runs.artifacts': read(`${run}/artifacts`, "Lists a folder of a run's artifacts.", { path: text }),
  'runs.delete': remove(run, 'Deletes a run; it can be restored.'),
  'runs.restore': create(`${run}/restore`, 'Restores a deleted run.'),
  'runs.setTag': put(`${run}/tags/{key}`, 'Sets a tag of a run.', { value: text }, ['value']),
  'runs.deleteTag': remove(`${run}/tags/{key}`, 'Deletes a tag of a run.'),
  'registeredModels.search': read('/registered-models', 'Searches registered models.', page),
  'registeredModels.create': create(
    '/registered-models',
    'Creates a registered model.',
    { name: text, description: text, tags },
    ['name'],
  ),
  'registeredModels.get': read(model, 'One registered model with its aliases and newest versions.'),
  'registeredModels.rename': create(`${model}/rename`, 'Renames a registered model.', { newName: text, reason }, [
    'newName',
  ]),
  'registeredModels.describe': change(model, 'Describes a registered model.', { description: text }, ['description']),
  'registeredModels.delete': remove(model, 'Deletes a registered model with all its versions.', { reason }),
  'registeredModels.setTag': put(`${model}/tags/{key}`, 'Sets a tag of a registered model.', { value: text }, [
    'value',
  ]),
  'registeredModels.deleteTag': remove(`${model}/tags/{key}`, 'Deletes a tag of a registered model.'),
  'registeredModels.setAlias': put(
    `${model}/aliases/{alias}`,
    'Points an alias at a version; one that exists moves.',
    { version: text, reason },
    ['version'],
  ),
  'registeredModels.deleteAlias': remove(`${model}/aliases/{alias}`, 'Deletes an alias.', { reason }),
  'registeredModels.aliased': read(`${model}/aliases/{alias}`, 'The version that an alias names.'),
  'modelVersions.search': read('/model-versions', 'Searches the versions of all registered models.', page),
  'modelVersions.create': create(
    `${model}/versions`,
    'Registers the next version of a model.',
    { source: text, runId: text, description: text, tags },
    ['source'],
  ),
  'modelVersions.get': read(version, 'One version of a registered model.'),
  'modelVersions.describe': change(version, 'Describes a version.', { description: text }, ['description']),
  'modelVersions.move': create(
    `${version}/stage`,
    'Moves a version to a stage.',
    { stage, archiveExisting: { type: 'boolean' }, reason },
    ['stage'],
  ),
  'modelVersions.delete': remove(version, 'Deletes a version; its number is not used again.', { reason }),
  'modelVersions.setTag': put(`${version}/tags/{key}`, 'Sets a tag of a version.', { value: text }, ['value']),
  'registeredModels.aliasHistory': read(
    `${model}/aliases/{alias}/history`,
    'Every move of an alias: when, who and why.',
  ),
  'registeredModels.aliasAt': read(`${model}/aliases/{alias}/at/{time}`, 'The version that an alias named at a time.', {
    time,
  }),
  'modelVersions.stageHistory': read(`${version}/stages`, 'Every stage that a version was in.'),
  'modelVersions.verify': create(
    `${version}/verify`,
    'Reads every file of a version and compares it with what was registered.',
  ),
  'modelVersions.signature': read(`${version}/signature`, "What is known of a version's signature."),
  'promotion.setPolicy': put(
    `${model}/policy`,
    'Sets what a version must fulfil before an alias or a stage moves to it.',
    { policy: { type: 'string', description: 'YAML or JSON', maxLength: 262_144 }, reason },
    ['policy'],
  ),
  'promotion.policy': read(`${model}/policy`, 'The policy of a model.'),
  'promotion.deletePolicy': remove(`${model}/policy`, 'Deletes the policy of a model.', { reason }),
  'promotion.approve': create(`${version}/approve`, 'Approves a version.', { reason }),
  'promotion.reject': create(`${version}/reject`, 'Rejects a version.', { reason }),
  'promotion.withdraw': create(`${version}/withdraw`, 'Takes back what one decided on a version.', { reason }),
  'promotion.decisions': read(`${version}/decisions`, 'Who approved or rejected a version, when and why.'),
  'promotion.check': read(`${version}/check`, 'What the policy says of a move, without moving.', {
    alias: text,
    stage,
  }),
  'endpoints.list': read('/endpoints', 'Every endpoint with what it follows.'),
  'endpoints.get': read(endpoint, 'One endpoint.'),
  'endpoints.put': put(
    endpoint,
    'Makes an endpoint that follows a model of the registry, or has one follow another; it is loaded and checked first.',
    {
      reference: { type: 'string', description: 'for example models:/fraud@champion' },
      wait: { type: 'boolean', description: 'false: made at once and loaded afterwards' },
      reason,
    },
    ['reference'],
  ),
  'endpoints.delete': remove(endpoint, 'Deletes an endpoint; its model stays registered.', { reason }),
  'endpoints.rollback': create(
    `${endpoint}/rollback`,
    'Moves the alias that an endpoint follows back to the version before, or to the one named.',
    { version: text, reason },
  ),
  'endpoints.history': read(`${endpoint}/history`, 'Moves of the alias that an endpoint follows: when, who and why.'),
  'endpoints.refusals': read(
    `${endpoint}/refusals`,
    'Moves of that alias that were refused: when, who asked, and why not.',
  ),
  'lineage.graph': read(
    '/lineage',
    'Data sets, runs, models, versions, aliases and endpoints that something came of, or led to.',
    {
      kind: { type: 'string', enum: ['dataset', 'run', 'logged_model', 'version', 'alias', 'endpoint'] },
      id: {
        type: 'string',
        description: 'MODEL/VERSION of a version, MODEL@ALIAS of an alias, NAME@DIGEST of a data set',
      },
      direction: { type: 'string', enum: ['upstream', 'downstream', 'both'] },
      depth: { type: 'integer', minimum: 1, maximum: 20 },
    },
    ['kind', 'id'],
  ),
  'audit.search': read('/audit', 'Everything that was changed in the registry, the newest first.', {
    model: text,
    kind: text,
    actor: text,
    from: time,
    to: time,
    limit: { ...limit, maximum: 1000 },
    pageToken: text,
  }),
  'garbage.plan': query(
    '/garbage/plan',
    'What garbage collection would remove for good, and why the rest stays.',
    garbage,
  ),
  'garbage.collect': purge(
    '/garbage/collect',
    'Removes for good what was deleted long ago, and files that nothing names; a page at a time.',
    { ...garbage, reason },
  ),
  'webhooks.list': read('/webhooks', 'Webhooks, the newest first.', {
    limit: { ...limit, maximum: 1000 },
    pageToken: text,
  }),
  'webhooks.create': create('/webhooks', 'Creates a webhook.', webhookFields, ['name', 'url', 'events']),
  'webhooks.get': read(webhook, 'One webhook.'),
  'webhooks.update': change(webhook, 'Changes a webhook; what is left out stays.', webhookFields),
  'webhooks.delete': remove(webhook, 'Deletes a webhook with its deliveries.', { reason }),
  'webhooks.test': create(`${webhook}/test`, 'Sends an example of an event to a webhook, at once.', { event: text }),
  'webhooks.deliveries': read(
    `${webhook}/deliveries`,
    'What a webhook was told, or is still to be, the newest first.',
    {
      status: { type: 'string', enum: ['pending', 'delivered', 'failed'] },
      limit: { ...limit, maximum: 1000 },
      pageToken: text,
    },
  ),
  'webhooks.replay': create(`${webhook}/deliveries/{deliveryId}/replay`, 'Sends a delivery again, under the same id.'),
  'modelVersions.deleteTag': remove(`${version}/tags/{key}`, 'Deletes a tag of a version.'),
  ...trackingOperations,
  ...importOperations,
}

export type RegistryInput<Name extends RegistryOperationName> = RegistryApi[Name]['input']
export type RegistryOutput<Name extends RegistryOperationName> = RegistryApi[Name]['output']
