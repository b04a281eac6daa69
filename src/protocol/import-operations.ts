import type { ImportApi } from './import-types.ts'
import type { RegistryOperationSpec } from './operation-spec.ts'
import {
  operationsOf,
  runStatusShape,
  stageShape,
  tagShape,
  textShape as text,
  timeShape as time,
} from './operation-spec.ts'
import type { ObjectShape, Shape } from './shape.ts'

/** Most records of one batch: other writers wait for its transaction. */
export const importItemsMax = 100
/** Most points of one batch, over all its metrics. */
export const importPointsMax = 10_000

/** Most assessments of one trace. */
const assessmentsMax = 1000
/** Most params, tags and the like of one record. */
const pairsMax = 10_000

const list = (items: Shape, maxItems: number): Shape => ({ type: 'array', items, maxItems })
const pairs = list(tagShape, pairsMax)
const step: Shape = { type: 'integer' }
const lifecycleStage: Shape = { type: 'string', enum: ['active', 'deleted'] }
const object = (properties: ObjectShape['properties'], optional: readonly string[] = []): ObjectShape => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
})

const experiment = object(
  {
    experimentId: text,
    name: text,
    lifecycleStage,
    creationTime: time,
    lastUpdateTime: time,
    artifactLocation: text,
    tags: pairs,
  },
  ['creationTime', 'lastUpdateTime', 'artifactLocation'],
)

const dataset = object(
  {
    name: text,
    digest: text,
    sourceType: text,
    source: text,
    schema: { type: 'string', maxLength: 1_048_575 },
    profile: { type: 'string', maxLength: 16_777_215 },
    tags: pairs,
  },
  ['schema', 'profile'],
)

const run = object(
  {
    runId: text,
    experimentId: text,
    name: text,
    userId: text,
    status: runStatusShape,
    startTime: time,
    endTime: time,
    deletedTime: time,
    lifecycleStage,
    artifactUri: text,
    params: pairs,
    tags: pairs,
    inputs: list(dataset, 1000),
    modelInputs: list(object({ modelId: text }), pairsMax),
    modelOutputs: list(object({ modelId: text, step }), pairsMax),
  },
  ['startTime', 'endTime', 'deletedTime', 'artifactUri'],
)

const points = object({
  runId: text,
  key: text,
  steps: list(step, importPointsMax),
  timestamps: list(time, importPointsMax),
  values: list({ type: 'number' }, importPointsMax),
})

const modelMetric = object(
  {
    key: text,
    value: { type: 'number' },
    timestamp: time,
    step,
    runId: text,
    datasetName: text,
    datasetDigest: text,
  },
  ['datasetName', 'datasetDigest'],
)

const loggedModel = object(
  {
    modelId: text,
    experimentId: text,
    name: text,
    status: {
      type: 'string',
      enum: [
        'LOGGED_MODEL_STATUS_UNSPECIFIED',
        'LOGGED_MODEL_PENDING',
        'LOGGED_MODEL_READY',
        'LOGGED_MODEL_UPLOAD_FAILED',
      ],
    },
    statusMessage: text,
    modelType: text,
    sourceRunId: text,
    lifecycleStage,
    creationTime: time,
    lastUpdatedTime: time,
    artifactUri: text,
    params: pairs,
    tags: pairs,
    metrics: list(modelMetric, pairsMax),
  },
  ['statusMessage', 'modelType', 'sourceRunId', 'artifactUri'],
)

const number: Shape = { type: 'integer', minimum: 1, maximum: 1_000_000_000 }

const registeredModel = object({
  name: text,
  description: text,
  creationTime: time,
  lastUpdatedTime: time,
  versionLast: { ...number, minimum: 0 },
  tags: pairs,
})

const version = object(
  {
    name: text,
    version: number,
    creationTime: time,
    lastUpdatedTime: time,
    description: text,
    userId: text,
    stage: stageShape,
    source: text,
    location: text,
    runId: text,
    runLink: text,
    modelId: text,
    status: { type: 'string', enum: ['READY', 'PENDING_REGISTRATION', 'FAILED_REGISTRATION'] },
    statusMessage: text,
    tags: pairs,
  },
  ['source', 'location'],
)

const assessment = object(
  {
    assessmentId: text,
    kind: { type: 'string', enum: ['feedback', 'expectation', 'issue'] },
    name: text,
    content: text,
    sourceType: text,
    sourceId: text,
    spanId: text,
    rationale: text,
    metadata: pairs,
    overrides: text,
    valid: { type: 'boolean' },
    createTime: time,
    lastUpdateTime: time,
  },
  ['spanId', 'rationale', 'overrides'],
)

const trace = object(
  {
    traceId: text,
    experimentId: text,
    timestamp: time,
    duration: { type: 'integer', minimum: 0, description: 'ms' },
    state: { type: 'string', enum: ['STATE_UNSPECIFIED', 'IN_PROGRESS', 'OK', 'ERROR'] },
    clientRequestId: text,
    requestPreview: text,
    responsePreview: text,
    tags: pairs,
    metadata: pairs,
    assessments: list(assessment, assessmentsMax),
  },
  ['duration', 'clientRequestId', 'requestPreview', 'responsePreview', 'assessments'],
)

const file = object({
  owner: { type: 'string', enum: ['run', 'model', 'trace'] },
  id: text,
  path: text,
  digest: { type: 'string', maxLength: 64 },
})

const bring = operationsOf('POST', 'registry.import')

const batch = (name: string, doc: string, item: ObjectShape): RegistryOperationSpec =>
  bring(`/import/${name}`, doc, { items: list(item, importItemsMax) }, ['items'])

/** Taking in what another store kept. A batch is one transaction, and the same batch again changes nothing. */
export const importOperations: Readonly<Record<keyof ImportApi, RegistryOperationSpec>> = {
  'import.experiments': batch(
    'experiments',
    'Takes experiments of another store; says what ids they have here.',
    experiment,
  ),
  'import.runs': batch('runs', 'Takes runs of another store, with their ids, times, params, tags and data sets.', run),
  'import.metrics': batch('metrics', 'Takes points of metrics of runs that were imported.', points),
  'import.loggedModels': batch('logged-models', 'Takes logged models of another store.', loggedModel),
  'import.registeredModels': batch('registered-models', 'Takes registered models of another store.', registeredModel),
  'import.versions': batch(
    'versions',
    'Takes versions of registered models that were imported, and seals their files.',
    version,
  ),
  'import.aliases': batch(
    'aliases',
    'Takes aliases of registered models that were imported.',
    object({ name: text, alias: text, version: number }),
  ),
  'import.traces': batch('traces', 'Takes traces of another store, without their spans.', trace),
  'import.files': batch('files', 'Says which files of what was imported are to be uploaded, and where to.', file),
}
