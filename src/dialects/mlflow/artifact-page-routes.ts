import { fail } from '../../protocol/index.ts'
import type { Exchange, Reply, Route } from '../../protocol/index.ts'
import { keptPath } from '../../registry/index.ts'
import type { ArtifactRoutesDeps } from './artifact-routes.ts'
import { download, upload } from './artifact-routes.ts'
import { inMlflowShape } from './endpoint.ts'
import { required, text } from './fields.ts'

/** The largest file that a page sends by itself. */
const pageUploadBytesMax = 10 * 1024 * 1024

const query = (exchange: Exchange, name: string): string => {
  const value = exchange.query.get(name)
  if (value === null || value === '')
    throw fail('invalid_parameter', { reason: `Missing value for required parameter '${name}'.` })
  return value
}

const modelId = required(text)

const runFile = async (exchange: Exchange, { artifacts }: ArtifactRoutesDeps): Promise<string> => {
  const runId = exchange.query.get('run_id') ?? query(exchange, 'run_uuid')
  return keptPath(await artifacts.runRoot(runId), query(exchange, 'path'))
}

const versionFile = async (exchange: Exchange, { artifacts }: ArtifactRoutesDeps): Promise<string> =>
  keptPath(await artifacts.versionRoot(query(exchange, 'name'), query(exchange, 'version')), query(exchange, 'path'))

const loggedModelFile = async (exchange: Exchange, { artifacts }: ArtifactRoutesDeps): Promise<string> =>
  keptPath(
    await artifacts.loggedModelRoot(modelId.read(exchange.params['model_id'], 'model_id')),
    query(exchange, 'artifact_file_path'),
  )

type FileOf = (exchange: Exchange, deps: ArtifactRoutesDeps) => Promise<string>

/** Single files as MLflow's pages and older clients ask for them: by run, version or logged model. */
export const artifactPageRoutes = (deps: ArtifactRoutesDeps): Route[] => {
  const get = (path: string, doc: string, fileOf: FileOf): Route => ({
    method: 'GET',
    path,
    needs: 'registry.read',
    doc,
    handle: (exchange) => inMlflowShape(async () => download(await fileOf(exchange, deps), exchange, deps)),
  })
  const pageUpload = async (exchange: Exchange): Promise<Reply> =>
    upload(await runFile(exchange, deps), exchange, { ...deps, uploadBytesMax: pageUploadBytesMax })
  return [
    get('/get-artifact', "Downloads a file of a run's artifacts.", runFile),
    get('/model-versions/get-artifact', 'Downloads a file of a model version.', versionFile),
    get(
      '/ajax-api/2.0/mlflow/logged-models/{model_id}/artifacts/files',
      'Downloads a file of a logged model.',
      loggedModelFile,
    ),
    {
      method: 'POST',
      path: '/ajax-api/2.0/mlflow/upload-artifact',
      needs: 'registry.write',
      doc: "Uploads a small file into a run's artifacts.",
      handle: (exchange) => inMlflowShape(() => pageUpload(exchange)),
    },
  ]
}
