import type { ImportedAssessment, ImportedTrace, TraceStateName } from '../../protocol/index.ts'
import type { ArtifactPlaces } from './artifact-places.ts'
import { assessmentOfFile } from './assessment-record.ts'
import type { SourceRecord } from './import-source.ts'
import type { MlrunsFiles } from './mlruns-files.ts'
import type { YamlFields } from './read-yaml.ts'
import { integerField, requireText, textField, Unusable } from './read-yaml.ts'

const states: readonly TraceStateName[] = ['STATE_UNSPECIFIED', 'IN_PROGRESS', 'OK', 'ERROR']

export const traceState = (text: string | undefined): TraceStateName =>
  states.find((state) => state === text) ?? 'STATE_UNSPECIFIED'

/** A trace's facts and, as a file of its artifacts, its spans. Throws Unusable. */
export const readTrace = async (
  files: MlrunsFiles,
  places: ArtifactPlaces,
  path: string,
): Promise<SourceRecord<ImportedTrace>> => {
  const meta = await files.yaml(`${path}/trace_info.yaml`)
  const traceId = textField(meta, 'trace_id') ?? requireText(meta, 'request_id')
  if (path.split('/').at(-1) !== traceId) throw new Unusable(`its trace_info.yaml is that of '${traceId}'`)
  const tags = await files.pairs(`${path}/tags`)
  const place = await places.find(tags.find(({ key }) => key === 'mlflow.artifactLocation')?.value, `${path}/artifacts`)
  const record: ImportedTrace = {
    traceId,
    experimentId: path.replace('.trash/', '').split('/')[0] ?? '',
    timestamp: startOf(meta),
    duration: integerField(meta, 'execution_duration_ms') ?? integerField(meta, 'execution_time_ms'),
    state: traceState(textField(meta, 'state') ?? textField(meta, 'status')),
    clientRequestId: textField(meta, 'client_request_id'),
    requestPreview: textField(meta, 'request_preview'),
    responsePreview: textField(meta, 'response_preview'),
    tags,
    metadata: await files.pairs(`${path}/request_metadata`),
    ...(await readAssessments(files, `${path}/assessments`)),
  }
  return { record, files: () => places.files(place) }
}

const readAssessments = async (files: MlrunsFiles, path: string): Promise<Pick<ImportedTrace, 'assessments'>> => {
  const found: ImportedAssessment[] = []
  for await (const name of files.folder.files(path, files.refuse)) {
    if (!name.endsWith('.yaml')) continue
    const file = `${path}/${name}`
    const assessment = await files.trying(file, async () => assessmentOfFile(await files.yamlJson(file)))
    if (assessment !== undefined) found.push(assessment)
  }
  found.sort((a, b) => (a.assessmentId < b.assessmentId ? -1 : 1))
  return found.length === 0 ? {} : { assessments: found }
}

/** MLflow 2 writes milliseconds, MLflow 3 a date. */
const startOf = (meta: YamlFields): number => {
  const ms = integerField(meta, 'timestamp_ms')
  if (ms !== undefined) return ms
  const time = Date.parse(requireText(meta, 'request_time'))
  if (Number.isNaN(time)) throw new Unusable(`'request_time' is no time`)
  return time
}
