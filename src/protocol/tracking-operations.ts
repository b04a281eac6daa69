import type { RegistryOperationSpec } from './operation-spec.ts'
import { registryVerbs, tagShape, textShape as text } from './operation-spec.ts'
import type { Shape } from './shape.ts'
import type { TrackingApi } from './tracking-types.ts'

const { read, query, create, put, change, remove } = registryVerbs

const list = (items: Shape, maxItems: number): Shape => ({ type: 'array', items, maxItems })
const tags = list(tagShape, 1000)
const ids = list(text, 1000)
const page = {
  filter: { type: 'string', description: "in MLflow's search language, with OR, NOT and parentheses" },
  orderBy: list(text, 20),
  limit: { type: 'integer', minimum: 1, maximum: 1000, description: 'items a page' },
  pageToken: { type: 'string', description: 'nextPageToken of the page before' },
} as const
const reason: Shape = { type: 'string', maxLength: 2000, description: 'why; kept in the history' }

const dataset: Shape = {
  type: 'object',
  properties: {
    name: text,
    digest: text,
    sourceType: text,
    source: text,
    schema: { type: 'string', maxLength: 1_048_575 },
    profile: { type: 'string', maxLength: 16_777_215 },
    context: { type: 'string', description: 'what for: training, validation or another' },
  },
  required: ['name', 'digest', 'sourceType', 'source'],
}
const output: Shape = {
  type: 'object',
  properties: { modelId: text, step: { type: 'integer' } },
  required: ['modelId'],
}
const measuredOn: Shape = { type: 'object', properties: { name: text, digest: text }, required: ['name'] }

const run = '/runs/{runId}'
const loggedModel = '/logged-models/{modelId}'
const prompt = '/prompts/{name}'
const trace = '/traces/{traceId}'

/** What tracks runs' data and models, prompts and traces. */
export const trackingOperations: Readonly<Record<keyof TrackingApi, RegistryOperationSpec>> = {
  'runs.logInputs': create(`${run}/inputs`, 'Says which data sets and logged models a run read.', {
    datasets: list(dataset, 1000),
    modelIds: ids,
  }),
  'runs.logOutputs': create(`${run}/outputs`, 'Says which logged models a run made.', { models: list(output, 1000) }, [
    'models',
  ]),
  'loggedModels.search': query(
    '/logged-models/search',
    'Searches the logged models of experiments.',
    { ...page, experimentIds: ids, datasets: list(measuredOn, 100) },
    ['experimentIds'],
  ),
  'loggedModels.create': create(
    '/logged-models',
    'Begins a logged model; its files follow, and then its status.',
    { experimentId: text, name: text, modelType: text, sourceRunId: text, params: list(tagShape, 100), tags },
    ['experimentId'],
  ),
  'loggedModels.get': read(loggedModel, 'One logged model with its params, metrics and registrations.'),
  'loggedModels.finish': change(
    loggedModel,
    'Says that a logged model is complete, or failed.',
    { status: { type: 'string', enum: ['LOGGED_MODEL_PENDING', 'LOGGED_MODEL_READY', 'LOGGED_MODEL_UPLOAD_FAILED'] } },
    ['status'],
  ),
  'loggedModels.delete': remove(loggedModel, 'Deletes a logged model.'),
  'loggedModels.setTag': put(`${loggedModel}/tags/{key}`, 'Sets a tag of a logged model.', { value: text }, ['value']),
  'loggedModels.deleteTag': remove(`${loggedModel}/tags/{key}`, 'Deletes a tag of a logged model.'),
  'loggedModels.logParams': create(
    `${loggedModel}/params`,
    'Adds params to a logged model; one that is there keeps its value.',
    { params: list(tagShape, 100) },
    ['params'],
  ),
  'modelVersions.copy': create(
    '/registered-models/{name}/versions/{version}/copy',
    'Registers a version as the next one of another model, which is made where it is not there.',
    { to: text, reason },
    ['to'],
  ),
  'prompts.search': read('/prompts', 'Searches prompts.', page),
  'prompts.register': create(
    `${prompt}/versions`,
    'Registers the next version of a prompt, which is made where it is not there.',
    {
      template: {
        type: 'string',
        maxLength: 100_000,
        description: 'with variables as {{name}}; of a chat the JSON of its messages',
      },
      type: { type: 'string', enum: ['text', 'chat'] },
      description: { type: 'string', maxLength: 100_000 },
      tags,
    },
    ['template'],
  ),
  'prompts.load': read(
    `${prompt}/template`,
    'The version of a prompt that is named, that an alias names, or the newest.',
    {
      version: text,
      alias: text,
    },
  ),
  'traces.search': query('/traces/search', 'Searches the traces of experiments.', { ...page, experimentIds: ids }, [
    'experimentIds',
  ]),
  'traces.get': read(trace, 'One trace with its assessments and spans.'),
  'traces.delete': remove(trace, 'Deletes a trace with its spans and assessments.'),
  'traces.setTag': put(`${trace}/tags/{key}`, 'Sets a tag of a trace.', { value: text }, ['value']),
  'traces.deleteTag': remove(`${trace}/tags/{key}`, 'Deletes a tag of a trace.'),
  'traces.assess': create(
    `${trace}/assessments`,
    'Adds feedback on a trace, or what was expected of it.',
    {
      kind: { type: 'string', enum: ['feedback', 'expectation'] },
      name: text,
      value: { type: 'string', description: 'JSON text of the value' },
      sourceType: { type: 'string', enum: ['HUMAN', 'CODE', 'LLM_JUDGE'] },
      sourceId: text,
      spanId: text,
      rationale: text,
      metadata: tags,
      overrides: { type: 'string', description: 'the assessment that this one replaces' },
    },
    ['kind', 'name', 'value'],
  ),
  'traces.deleteAssessment': remove(
    `${trace}/assessments/{assessmentId}`,
    'Deletes an assessment; the one that it replaced counts again.',
  ),
}
