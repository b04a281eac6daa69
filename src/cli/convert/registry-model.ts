import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Refusal } from '../command.ts'
import type { ServerClient } from '../server-client.ts'

/** Whether a source names a model of a registry rather than a path. */
export const isReference = (source: string): boolean => /^(models|runs):\//.test(source)

/** A folder of a model has tens of files; these bounds keep a wrong reference from filling the disk. */
const filesMax = 10_000
const foldersDeepMax = 20
const bytesMax = 32 * 1024 ** 3

const mlflow = '/api/2.0/mlflow'
const artifacts = '/api/2.0/mlflow-artifacts/artifacts'

const segments = (path: string): string => path.split('/').map(encodeURIComponent).join('/')

/** Downloads the model that a reference names into a new folder. Throws Refusal. */
export const downloadModel = async (client: ServerClient, reference: string, folder: string): Promise<void> => {
  const root = pathOf(await locationOf(client, reference), reference)
  const listed = await listFiles(client, root)
  const files = listed.length > 0 ? { root, listed } : await loggedOfRun(client, reference)
  if (files.listed.length === 0) throw new Refusal(`${reference} has no files at ${client.url.origin}`, 'not_found')
  let left = bytesMax
  for (const name of files.listed) {
    const target = join(folder, name)
    await mkdir(dirname(target), { recursive: true })
    const body = await client.stream({ method: 'GET', path: `${artifacts}/${segments(`${files.root}/${name}`)}` })
    const counted = new Transform({
      transform(chunk: Uint8Array, _, done) {
        left -= chunk.length
        if (left < 0) done(new Refusal(`${reference} has more than ${bytesMax} bytes`, 'too_large'))
        else done(null, chunk)
      },
    })
    await pipeline(body, counted, createWriteStream(target, { flags: 'wx' }))
  }
}

/** Where the files of a reference are, as a URI. */
const locationOf = async (client: ServerClient, reference: string): Promise<string> => {
  const run = /^runs:\/+([^/]+)\/?(.*)$/.exec(reference)
  if (run !== null) {
    const query = `run_id=${encodeURIComponent(run[1] ?? '')}`
    const { run: found } = await client.json<{ run: { info: { artifact_uri: string } } }>({
      method: 'GET',
      path: `${mlflow}/runs/get?${query}`,
    })
    return `${found.info.artifact_uri}/${run[2] ?? ''}`
  }
  const logged = /^models:\/+(m-[^/@]+)$/.exec(reference)
  if (logged !== null) return (await loggedModel(client, logged[1] ?? '')).artifact_uri
  const { name, version } = await versionOf(client, reference)
  const query = `name=${encodeURIComponent(name)}&version=${version}`
  const uri = `${mlflow}/model-versions/get-download-uri?${query}`
  return (await client.json<{ artifact_uri: string }>({ method: 'GET', path: uri })).artifact_uri
}

interface LoggedModelInfo {
  readonly artifact_uri: string
}

const loggedModel = async (client: ServerClient, id: string): Promise<LoggedModelInfo> => {
  const path = `${mlflow}/logged-models/${encodeURIComponent(id)}`
  return (await client.json<{ model: { info: LoggedModelInfo } }>({ method: 'GET', path })).model.info
}

const versionOf = async (client: ServerClient, reference: string): Promise<{ name: string; version: string }> => {
  const match = /^models:\/+([^/@]+)(?:@([^/@]+)|\/([^/@]+))$/.exec(reference)
  const [, name = '', alias, version] = match ?? []
  if (match === null)
    throw new Refusal(
      `'${reference}' is none of models:/NAME@ALIAS, models:/NAME/VERSION, models:/m-ID, runs:/RUN/PATH`,
    )
  if (version !== undefined && /^\d+$/.test(version)) return { name, version }
  if (version === 'latest') return { name, version: await newestOf(client, name) }
  if (version !== undefined)
    throw new Refusal(
      `'${reference}': name a version by its number, 'latest' or an alias, as in models:/${name}@champion`,
    )
  const query = `name=${encodeURIComponent(name)}&alias=${encodeURIComponent(alias ?? '')}`
  const { model_version: found } = await client.json<{ model_version: { version: string } }>({
    method: 'GET',
    path: `${mlflow}/registered-models/alias?${query}`,
  })
  return { name, version: found.version }
}

const newestOf = async (client: ServerClient, name: string): Promise<string> => {
  const filter = `name = '${name.replaceAll("'", "''")}'`
  const query = new URLSearchParams({ filter, max_results: '1', order_by: 'version_number DESC' })
  const { model_versions: [newest] = [] } = await client.json<{ model_versions?: { version: string }[] }>({
    method: 'GET',
    path: `${mlflow}/model-versions/search?${query.toString()}`,
  })
  if (newest === undefined) throw new Refusal(`the registered model '${name}' has no versions`, 'not_found')
  return newest.version
}

/** MLflow 3 keeps what a run logged as a model beside the run; its reference still names the run. */
const loggedOfRun = async (
  client: ServerClient,
  reference: string,
): Promise<{ readonly root: string; readonly listed: readonly string[] }> => {
  const [, runId = '', name = ''] = /^runs:\/+([^/]+)\/(.+)$/.exec(reference) ?? []
  if (runId === '') return { root: '', listed: [] }
  const { run } = await client.json<{ run: { info: { experiment_id: string } } }>({
    method: 'GET',
    path: `${mlflow}/runs/get?run_id=${encodeURIComponent(runId)}`,
  })
  const { models = [] } = await client.json<{ models?: { info: { name: string; artifact_uri: string } }[] }>({
    method: 'POST',
    path: `${mlflow}/logged-models/search`,
    body: JSON.stringify({
      experiment_ids: [run.info.experiment_id],
      filter: `source_run_id = '${runId.replaceAll("'", "''")}'`,
      max_results: 100,
    }),
  })
  const found = models.find(({ info }) => info.name === name)
  if (found === undefined) return { root: '', listed: [] }
  const root = pathOf(found.info.artifact_uri, reference)
  return { root, listed: await listFiles(client, root) }
}

/** Path of an `mlflow-artifacts:` URI below the server's artifacts. */
const pathOf = (uri: string, reference: string): string => {
  const match = /^mlflow-artifacts:(?:\/\/[^/]*)?\/*(.*?)\/*$/.exec(uri)
  if (match === null)
    throw new Refusal(
      `the files of ${reference} are at ${uri}, which the server doesn't keep; download them and convert the folder`,
    )
  return match[1] ?? ''
}

interface Listed {
  readonly files?: readonly { readonly path: string; readonly is_dir: boolean }[]
}

/** Paths of all files below a folder of artifacts. */
const listFiles = async (client: ServerClient, root: string): Promise<string[]> => {
  const found: string[] = []
  const waiting = ['']
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    const path = folder === '' ? root : `${root}/${folder}`
    const { files = [] } = await client.json<Listed>({
      method: 'GET',
      path: `${artifacts}?path=${encodeURIComponent(path)}`,
    })
    for (const file of files) {
      // Why: the names become paths of this machine, and the server is only trusted with its own.
      if (/[/\\\0]/.test(file.path) || ['', '.', '..'].includes(file.path))
        throw new Refusal(`the server lists a file called '${file.path}'`, 'bad_answer')
      const name = folder === '' ? file.path : `${folder}/${file.path}`
      if (file.is_dir) waiting.push(name)
      else found.push(name)
      if (found.length + waiting.length > filesMax || name.split('/').length > foldersDeepMax)
        throw new Refusal(`there are more than ${filesMax} files, or more than ${foldersDeepMax} folders in each other`)
    }
  }
  return found
}
