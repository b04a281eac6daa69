import { apiRoot, jsonNumber, registryOperations } from '../protocol/index.ts'
import type { Page, RegistryApi, RegistryInput, RegistryOperationName, RegistryOutput } from '../protocol/index.ts'
import type { ModelPlace } from './locate-model.ts'
import { locateModel } from './locate-model.ts'
import { SlipwayError } from './slipway-error.ts'

export interface SlipwayClientOptions {
  /** Where the server listens, `http://127.0.0.1:8080`. */
  readonly url: string
  /** Shown as a bearer token. */
  readonly key?: string
  readonly fetch?: typeof globalThis.fetch
}

/** The operations of one area by their verbs: `runs.create` is `client.runs.create`. */
export type Area<Name extends string> = {
  readonly [Operation in RegistryOperationName as Operation extends `${Name}.${infer Verb}` ? Verb : never]: (
    input: RegistryInput<Operation>,
  ) => Promise<RegistryOutput<Operation>>
}

/** Operations that give pages. */
export type PagedOperation = {
  [Name in RegistryOperationName]: RegistryOutput<Name> extends Page<unknown>
    ? RegistryInput<Name> extends { readonly pageToken?: string }
      ? Name
      : never
    : never
}[RegistryOperationName]

/** What such an operation gives pages of. */
export type ItemOf<Name extends PagedOperation> = RegistryApi[Name]['output'] extends Page<infer Item> ? Item : never

const artifactsRoot = '/api/2.0/mlflow-artifacts/artifacts'

/**
 * Tracking and registry of a Slipway server. Every operation of its API is a method of its area, with what it takes and
 * gives typed. Refusals are thrown as SlipwayError.
 */
export class SlipwayClient {
  readonly experiments: Area<'experiments'> = this.#area('experiments')
  readonly runs: Area<'runs'> = this.#area('runs')
  readonly loggedModels: Area<'loggedModels'> = this.#area('loggedModels')
  readonly registeredModels: Area<'registeredModels'> = this.#area('registeredModels')
  readonly modelVersions: Area<'modelVersions'> = this.#area('modelVersions')
  readonly prompts: Area<'prompts'> = this.#area('prompts')
  readonly traces: Area<'traces'> = this.#area('traces')
  readonly promotion: Area<'promotion'> = this.#area('promotion')
  readonly endpoints: Area<'endpoints'> = this.#area('endpoints')
  readonly lineage: Area<'lineage'> = this.#area('lineage')
  readonly audit: Area<'audit'> = this.#area('audit')
  readonly garbage: Area<'garbage'> = this.#area('garbage')
  readonly import: Area<'import'> = this.#area('import')
  readonly webhooks: Area<'webhooks'> = this.#area('webhooks')
  readonly #options: SlipwayClientOptions

  constructor(options: SlipwayClientOptions) {
    this.#options = options
  }

  /** Calls an operation by its name. Throws SlipwayError, also for a field of the path that can't be part of one. */
  async call<Name extends RegistryOperationName>(
    name: Name,
    input: RegistryInput<Name>,
  ): Promise<RegistryOutput<Name>> {
    const { method, path } = registryOperations[name]
    const fields: Record<string, unknown> = { ...input }
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, field: string) => {
      const value = fields[field]
      delete fields[field]
      return segmentOf(field, value)
    })
    const bare = method === 'GET' || method === 'DELETE'
    const query = bare ? queryOf(fields) : ''
    const response = await this.#send(`${apiRoot}${filled}${query}`, {
      method,
      ...(bare ? {} : { body: JSON.stringify(fields, finite), headers: { 'content-type': 'application/json' } }),
    })
    return (await response.json()) as RegistryOutput<Name>
  }

  /** Every item of a search or history, page by page. */
  async *each<Name extends PagedOperation>(name: Name, input: RegistryInput<Name>): AsyncGenerator<ItemOf<Name>> {
    let pageToken: string | undefined
    do {
      const page: Page<unknown> = await this.call(name, {
        ...input,
        ...(pageToken === undefined ? {} : { pageToken }),
      })
      yield* page.items as readonly ItemOf<Name>[]
      pageToken = page.nextPageToken
    } while (pageToken !== undefined)
  }

  /** Uploads a file below a folder of artifacts, as a run or a logged model has one. */
  async writeFile(uri: string, path: string, body: string | Uint8Array<ArrayBuffer> | Blob): Promise<void> {
    await this.#send(pathOf(`${folderOf(uri)}/${path}`), { method: 'PUT', body })
  }

  /** Uploads a file into a run's artifacts; `path` is below them. */
  async uploadArtifact(runId: string, path: string, body: string | Uint8Array<ArrayBuffer> | Blob): Promise<void> {
    await this.#send(await this.#artifactPath(runId, path), { method: 'PUT', body })
  }

  /** The bytes of a file of a run's artifacts, as they arrive. */
  async downloadArtifact(runId: string, path: string): Promise<ReadableStream<Uint8Array>> {
    const response = await this.#send(await this.#artifactPath(runId, path), { method: 'GET' })
    return response.body ?? new Blob([]).stream()
  }

  /**
   * Where the files of a model are: `models:/NAME@ALIAS`, `models:/NAME/VERSION`, `models:/NAME/latest`,
   * `models:/NAME/STAGE`, `models:/m-ID` or `runs:/RUN/PATH`. `names` is the reference with the version that it names now.
   */
  locateModel(reference: string): Promise<ModelPlace> {
    return locateModel(
      {
        call: (name, input) => this.call(name, input),
        mlflow: async (path, body) => {
          const init = { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
          const response = await this.#send(`/api/2.0/mlflow/${path}`, body === undefined ? { method: 'GET' } : init)
          return response.json()
        },
        hasFiles: async (uri) => (await this.filesBelow(uri).next()).done !== true,
      },
      reference,
    )
  }

  /**
   * Paths of the files below a folder of artifacts. Throws SlipwayError for a name that leads elsewhere, and when there
   * are more files and folders, or more folders in each other, than the caller wants.
   */
  async *filesBelow(uri: string, { entriesMax = Infinity, depthMax = Infinity } = {}): AsyncGenerator<string> {
    const root = folderOf(uri)
    const pending = ['']
    let entries = 0
    for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
      const path = folder === '' ? root : `${root}/${folder}`
      const response = await this.#send(`${artifactsRoot}${queryOf({ path })}`, { method: 'GET' })
      const { files = [] } = (await response.json()) as { files?: readonly { path: string; is_dir: boolean }[] }
      for (const { path: name, is_dir: isFolder } of files) {
        if (!isPlainName(name)) throw refused('invalid_path', `the server lists a file named '${name.slice(0, 100)}'`)
        const below = folder === '' ? name : `${folder}/${name}`
        if (++entries > entriesMax || below.split('/').length > depthMax)
          throw refused('too_large', `there are more than ${entriesMax} files, or more than ${depthMax} folders deep`)
        if (isFolder) pending.push(below)
        else yield below
      }
    }
  }

  /** The bytes of a file below a folder of artifacts, as they arrive. */
  async readFile(uri: string, path: string): Promise<ReadableStream<Uint8Array>> {
    const response = await this.#send(pathOf(`${folderOf(uri)}/${path}`), { method: 'GET' })
    return response.body ?? new Blob([]).stream()
  }

  async #artifactPath(runId: string, path: string): Promise<string> {
    const { artifactUri } = await this.call('runs.get', { runId })
    return pathOf(`${folderOf(artifactUri)}/${path}`)
  }

  #area<Name extends string>(area: Name): Area<Name> {
    const names = Object.keys(registryOperations).filter((name) => name.startsWith(`${area}.`))
    return Object.fromEntries(
      names.map((name) => [
        name.slice(area.length + 1),
        (input: never) => this.call(name as RegistryOperationName, input),
      ]),
    ) as Area<Name>
  }

  async #send(path: string, init: RequestInit): Promise<Response> {
    const { url, key, fetch = globalThis.fetch } = this.#options
    const headers = new Headers(init.headers)
    if (key !== undefined) headers.set('authorization', `Bearer ${key}`)
    const response = await fetch(new URL(path, url), { ...init, headers })
    if (response.ok) return response
    const message = errorOf(await response.text()) ?? `the server answered ${response.status}`
    throw new SlipwayError(message, {
      code: response.headers.get('slipway-error') ?? 'refused',
      status: response.status,
    })
  }
}

const refused = (code: string, message: string): SlipwayError => new SlipwayError(message, { code, status: 400 })

const isPlainName = (name: string): boolean => !/^(\.{0,2})$|[/\\\0]/.test(name)

/** The folder that a URI means, in the server's tree of artifacts. */
const folderOf = (uri: string): string => {
  const folder = /^mlflow-artifacts:(?:\/\/[^/]*)?\/*(.*)$/.exec(uri)?.[1]
  if (folder !== undefined) return folder
  throw new SlipwayError(`these artifacts are at ${uri}, which the server doesn't keep`, {
    code: 'unsupported',
    status: 501,
  })
}

const pathOf = (path: string): string =>
  `${artifactsRoot}/${path
    .split('/')
    .map((name) => segmentOf('path', name))
    .join('/')}`

/**
 * One part of a path. Why not `.` and `..`, however they are encoded: URLs have them for this part and the one above, so
 * that the request would go to something else.
 */
const segmentOf = (field: string, value: unknown): string => {
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text !== 'string' || text === '') throw refused('invalid_request', `'${field}' is missing`)
  if (text === '.' || text === '..')
    throw refused('invalid_request', `'${field}' can't be '${text}': it would change where the request goes`)
  if (!text.isWellFormed()) throw refused('invalid_request', `'${field}' is no well-formed text`)
  return encodeURIComponent(text)
}

/** JSON has no word for these numbers; they go as text. */
const finite = (_: string, value: unknown): unknown => (typeof value === 'number' ? jsonNumber(value) : value)

const queryOf = (fields: Readonly<Record<string, unknown>>): string => {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(fields))
    for (const each of Array.isArray(value) ? value : [value]) if (each !== undefined) query.append(name, String(each))
  return query.size === 0 ? '' : `?${query.toString()}`
}

const errorOf = (text: string): string | undefined => {
  try {
    const { error, message } = JSON.parse(text) as { error?: unknown; message?: unknown }
    if (typeof error === 'string') return error
    return typeof message === 'string' ? message : undefined
  } catch {
    return undefined
  }
}
