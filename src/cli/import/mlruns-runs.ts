import type {
  ImportedInput,
  ImportedLoggedModel,
  ImportedModelMetric,
  ImportedRun,
  LoggedModelStatusName,
  RunStatusName,
} from '../../protocol/index.ts'
import { jsonNumber } from '../../protocol/index.ts'
import type { ArtifactPlaces } from './artifact-places.ts'
import type { Point, SourceRecord } from './import-source.ts'
import type { MlrunsFiles } from './mlruns-files.ts'
import type { YamlFields } from './read-yaml.ts'
import { integerField, pairsField, requireText, textField, Unusable } from './read-yaml.ts'

/** MLflow writes the numbers of its protobuf enumerations. */
const runStatuses: Readonly<Record<string, RunStatusName>> = {
  '1': 'RUNNING',
  '2': 'SCHEDULED',
  '3': 'FINISHED',
  '4': 'FAILED',
  '5': 'KILLED',
}
const modelStatuses: readonly LoggedModelStatusName[] = [
  'LOGGED_MODEL_STATUS_UNSPECIFIED',
  'LOGGED_MODEL_PENDING',
  'LOGGED_MODEL_READY',
  'LOGGED_MODEL_UPLOAD_FAILED',
]

/** The last part of a path, which must be what the file within says that it is of. */
const requireNamed = (path: string, id: string): string => {
  if (path.split('/').at(-1) === id) return id
  throw new Unusable(`its meta.yaml is that of '${id}'`)
}

const lifecycleOf = (meta: YamlFields): 'active' | 'deleted' =>
  textField(meta, 'lifecycle_stage') === 'deleted' ? 'deleted' : 'active'

const experimentOf = (path: string): string => path.replace('.trash/', '').split('/')[0] ?? ''

/** Throws Unusable. */
export const readRun = async (
  files: MlrunsFiles,
  places: ArtifactPlaces,
  path: string,
): Promise<SourceRecord<ImportedRun>> => {
  const meta = await files.yaml(`${path}/meta.yaml`)
  const runId = requireNamed(path, textField(meta, 'run_id') ?? requireText(meta, 'run_uuid'))
  const place = await places.find(textField(meta, 'artifact_uri'), `${path}/artifacts`)
  const status = requireText(meta, 'status')
  const tags = await files.pairs(`${path}/tags`)
  const record: ImportedRun = {
    runId,
    experimentId: experimentOf(path),
    name: textField(meta, 'run_name') ?? tags.find(({ key }) => key === 'mlflow.runName')?.value ?? '',
    userId: textField(meta, 'user_id') ?? '',
    status: runStatuses[status] ?? unknownStatus(status),
    startTime: integerField(meta, 'start_time'),
    endTime: integerField(meta, 'end_time'),
    deletedTime: integerField(meta, 'deleted_time'),
    lifecycleStage: lifecycleOf(meta),
    artifactUri: place.kind === 'elsewhere' ? place.uri : undefined,
    params: await files.pairs(`${path}/params`),
    tags,
    ...(await readInputs(files, path)),
    modelOutputs: await readOutputs(files, path),
  }
  return {
    record,
    points: () => pointsOf(files, `${path}/metrics`),
    files: () => places.files(place),
  }
}

const unknownStatus = (status: string): never => {
  throw new Unusable(`its status '${status.slice(0, 20)}' is not known`)
}

async function* pointsOf(files: MlrunsFiles, path: string): AsyncGenerator<Point> {
  for await (const { key, step, timestamp, value } of files.metrics(path)) yield { key, step, timestamp, value }
}

/** The data sets and logged models that a run read. */
const readInputs = async (
  files: MlrunsFiles,
  path: string,
): Promise<{ inputs: ImportedInput[]; modelInputs: { modelId: string }[] }> => {
  const inputs: ImportedInput[] = []
  const modelInputs: { modelId: string }[] = []
  for await (const name of files.folders(`${path}/inputs`)) {
    const at = `${path}/inputs/${name}`
    await files.trying(at, async () => {
      const meta = await files.yaml(`${at}/meta.yaml`)
      const id = requireText(meta, 'source_id')
      if (textField(meta, 'source_type') !== 'DATASET') modelInputs.push({ modelId: id })
      else inputs.push(await readDataset(files, path, { id, tags: pairsField(meta, 'tags') }))
    })
  }
  return {
    inputs: inputs.sort((a, b) => (a.name + a.digest < b.name + b.digest ? -1 : 1)),
    modelInputs: modelInputs.sort((a, b) => (a.modelId < b.modelId ? -1 : 1)),
  }
}

const readDataset = async (
  files: MlrunsFiles,
  run: string,
  { id, tags }: { readonly id: string; readonly tags: ImportedInput['tags'] },
): Promise<ImportedInput> => {
  if (!/^[\w-]+$/.test(id)) throw new Unusable(`'${id.slice(0, 50)}' is no id of a data set`)
  const dataset = await files.yaml(`${run.slice(0, run.lastIndexOf('/'))}/datasets/${id}/meta.yaml`)
  return {
    name: requireText(dataset, 'name'),
    digest: requireText(dataset, 'digest'),
    sourceType: textField(dataset, 'source_type') ?? '',
    source: textField(dataset, 'source') ?? '',
    schema: textField(dataset, 'schema'),
    profile: textField(dataset, 'profile'),
    tags,
  }
}

const readOutputs = async (files: MlrunsFiles, path: string): Promise<{ modelId: string; step: number }[]> => {
  const outputs: { modelId: string; step: number }[] = []
  for await (const name of files.folders(`${path}/outputs`)) {
    const at = `${path}/outputs/${name}`
    await files.trying(at, async () => {
      const meta = await files.yaml(`${at}/meta.yaml`)
      outputs.push({ modelId: requireText(meta, 'destination_id'), step: integerField(meta, 'step') ?? 0 })
    })
  }
  return outputs.sort((a, b) => (a.modelId < b.modelId ? -1 : 1))
}

/** Throws Unusable. */
export const readLoggedModel = async (
  files: MlrunsFiles,
  places: ArtifactPlaces,
  path: string,
): Promise<SourceRecord<ImportedLoggedModel>> => {
  const meta = await files.yaml(`${path}/meta.yaml`)
  const modelId = requireNamed(path, requireText(meta, 'model_id'))
  const place = await places.find(textField(meta, 'artifact_location'), `${path}/artifacts`)
  const creationTime = integerField(meta, 'creation_timestamp') ?? 0
  const record: ImportedLoggedModel = {
    modelId,
    experimentId: experimentOf(path),
    name: textField(meta, 'name') ?? '',
    status: modelStatuses[integerField(meta, 'status') ?? 0] ?? 'LOGGED_MODEL_STATUS_UNSPECIFIED',
    statusMessage: textField(meta, 'status_message'),
    modelType: textField(meta, 'model_type'),
    sourceRunId: textField(meta, 'source_run_id'),
    lifecycleStage: lifecycleOf(meta),
    creationTime,
    lastUpdatedTime: integerField(meta, 'last_updated_timestamp') ?? creationTime,
    artifactUri: place.kind === 'elsewhere' ? place.uri : undefined,
    params: await files.pairs(`${path}/params`),
    tags: await files.pairs(`${path}/tags`),
    metrics: await newestMetrics(files, `${path}/metrics`),
  }
  return { record, files: () => places.files(place) }
}

/** The newest of each metric, run and data set: lines are `TIME VALUE STEP RUN [DATASET DIGEST]`. */
const newestMetrics = async (files: MlrunsFiles, path: string): Promise<ImportedModelMetric[]> => {
  const newest = new NewestMetrics()
  for await (const { more, value, ...line } of files.metrics(path)) {
    const [runId = '', datasetName, datasetDigest] = more
    newest.add({ ...line, value: jsonNumber(value), runId, datasetName, datasetDigest })
  }
  return newest.all()
}

/** Keeps the newest of each metric, run and data set. */
export class NewestMetrics {
  readonly #newest = new Map<string, ImportedModelMetric>()

  add({ key, value, timestamp, step, runId, datasetName, datasetDigest }: ImportedModelMetric): void {
    const name = JSON.stringify([key, runId, datasetName ?? '', datasetDigest ?? ''])
    const other = this.#newest.get(name)
    if (other !== undefined && (other.step > step || (other.step === step && other.timestamp > timestamp))) return
    this.#newest.set(name, { key, value, timestamp, step, runId, datasetName, datasetDigest })
  }

  all(): ImportedModelMetric[] {
    return [...this.#newest].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, metric]) => metric)
  }
}
