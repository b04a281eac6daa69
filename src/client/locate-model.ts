import type { RegistryInput, RegistryOperationName, RegistryOutput } from '../protocol/index.ts'
import { SlipwayError } from './slipway-error.ts'

/** Where the files of a model are, and the reference that names them for good. */
export interface ModelPlace {
  readonly uri: string
  readonly names: string
}

/** The server, as far as locating a model asks it. */
interface Server {
  call<Name extends RegistryOperationName>(name: Name, input: RegistryInput<Name>): Promise<RegistryOutput<Name>>
  /** What an operation of MLflow's API answers; a POST when there is a body. */
  mlflow(path: string, body?: object): Promise<unknown>
  hasFiles(uri: string): Promise<boolean>
}

const forms =
  'models:/NAME@ALIAS, models:/NAME/VERSION, models:/NAME/latest, models:/NAME/STAGE, models:/m-ID or runs:/RUN/PATH'

/** Finds the files that a reference means. Throws SlipwayError. */
export const locateModel = async (server: Server, reference: string): Promise<ModelPlace> => {
  const [, runId, path] = /^runs:\/+([^/]+)\/(.+)$/.exec(reference) ?? []
  if (runId !== undefined && path !== undefined)
    return { uri: await locateOfRun(server, runId, path), names: reference }
  const [, modelId] = /^models:\/+(m-[^/@]+)$/.exec(reference) ?? []
  if (modelId !== undefined) {
    const { model } = (await server.mlflow(`logged-models/${encodeURIComponent(modelId)}`)) as { model: LoggedModel }
    return { uri: model.info.artifact_uri, names: reference }
  }
  const [, written, alias, which] = /^models:\/+([^/@]+)(?:@([^/@]+)|\/([^/@]+))$/.exec(reference) ?? []
  if (written === undefined) throw refused('invalid_request', `'${reference}' is none of ${forms}`, 400)
  const name = decoded(written)
  const version =
    alias === undefined
      ? await numberOf(server, name, which ?? '')
      : String((await server.call('registeredModels.aliased', { name, alias })).version)
  const query = new URLSearchParams({ name, version }).toString()
  const found = (await server.mlflow(`model-versions/get-download-uri?${query}`)) as { artifact_uri: string }
  return { uri: found.artifact_uri, names: `models:/${encodeURIComponent(name)}/${version}` }
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    throw refused('invalid_request', `'${text}' is no name in a reference: write its % as %25`, 400)
  }
}

/** The version's number for what is written behind the name: itself, `latest` or a stage. */
const numberOf = async (server: Server, name: string, which: string): Promise<string> => {
  if (/^\d+$/.test(which)) return which
  const { latestVersions } = await server.call('registeredModels.get', { name })
  const isLatest = which.toLowerCase() === 'latest'
  const numbers = latestVersions
    .filter(({ stage }) => isLatest || stage.toLowerCase() === which.toLowerCase())
    .map(({ version }) => version)
  if (numbers.length > 0) return String(Math.max(...numbers))
  const where = isLatest ? '' : ` in a stage '${which}'; name one by its number, a stage, 'latest' or an alias`
  throw refused('resource_missing', `the registered model '${name}' has no version${where}`, 404)
}

interface LoggedModel {
  readonly info: { readonly name: string; readonly artifact_uri: string }
}

/** MLflow 3 keeps what a run logged as a model beside the run; its reference still names the run. */
const locateOfRun = async (server: Server, runId: string, path: string): Promise<string> => {
  const { artifactUri, experimentId } = await server.call('runs.get', { runId })
  const uri = `${artifactUri}/${path}`
  // Why: files that are kept elsewhere can't be listed here, and are told of where they are read.
  if (!artifactUri.startsWith('mlflow-artifacts:') || (await server.hasFiles(uri))) return uri
  const { models = [] } = (await server.mlflow('logged-models/search', {
    experiment_ids: [experimentId],
    filter: `source_run_id = '${runId.replaceAll("'", "''")}'`,
    max_results: 100,
  })) as { models?: readonly LoggedModel[] }
  return models.find(({ info }) => info.name === path)?.info.artifact_uri ?? uri
}

const refused = (code: string, message: string, status: number): SlipwayError =>
  new SlipwayError(message, { code, status })
