import { createHash } from 'node:crypto'
import { createReadStream, openAsBlob } from 'node:fs'
import type { SlipwayClient } from '../../client/index.ts'
import { SlipwayError } from '../../client/index.ts'
import type {
  FileOwnerName,
  ImportApi,
  ImportedFile,
  ImportedFileOutcome,
  ImportOutcome,
  RegistryInput,
} from '../../protocol/index.ts'
import type { SourceFile } from './import-source.ts'

export type BatchName = Exclude<keyof ImportApi, 'import.files'>

/** A file that can be read, and whose it is. */
export interface OwnedFile extends SourceFile {
  readonly content: Exclude<SourceFile['content'], { readonly unreadable: string }>
  readonly owner: FileOwnerName
  readonly id: string
}

/** Most uploads at once: the server syncs those that come together by one commit. */
const uploadsAtOnce = 8

/** Takes batches to where they go. */
export interface ImportSender {
  /** One outcome a record. */
  send(name: BatchName, items: readonly object[]): Promise<readonly ImportOutcome[]>
  /** Uploads the files that aren't there; one outcome a file, `missing` for one that was uploaded. */
  sendFiles(files: readonly OwnedFile[]): Promise<readonly ImportedFileOutcome[]>
}

/** Statuses that are about what was sent: sending less of it may help. */
const isAboutRequest = (error: unknown): error is SlipwayError =>
  error instanceof SlipwayError &&
  error.status >= 400 &&
  error.status < 500 &&
  ![401, 403, 408, 429].includes(error.status)

/** Sends to a server. */
export class ServerSender implements ImportSender {
  readonly #api: SlipwayClient

  constructor(api: SlipwayClient) {
    this.#api = api
  }

  /** A batch that is refused as a whole is halved until the record is found that is at fault. */
  async send(name: BatchName, items: readonly object[]): Promise<readonly ImportOutcome[]> {
    try {
      const answer = await this.#api.call(name, { items } as unknown as RegistryInput<typeof name>)
      return answer.items
    } catch (error) {
      if (!isAboutRequest(error)) throw error
      if (items.length === 1) return [{ outcome: 'refused', reason: error.message }]
      const half = Math.ceil(items.length / 2)
      return [...(await this.send(name, items.slice(0, half))), ...(await this.send(name, items.slice(half)))]
    }
  }

  async sendFiles(files: readonly OwnedFile[]): Promise<readonly ImportedFileOutcome[]> {
    const items: ImportedFile[] = []
    for (const { owner, id, path, content } of files) items.push({ owner, id, path, digest: await digestOf(content) })
    const { items: found } = await this.#api.import.files({ items })
    const outcomes: ImportedFileOutcome[] = []
    for (let at = 0; at < found.length; at += uploadsAtOnce) {
      const group = found.slice(at, at + uploadsAtOnce)
      outcomes.push(...(await Promise.all(group.map((outcome, index) => this.#upload(outcome, files[at + index])))))
    }
    return outcomes
  }

  async #upload(outcome: ImportedFileOutcome, file: OwnedFile | undefined): Promise<ImportedFileOutcome> {
    if (outcome.outcome !== 'missing' || outcome.path === undefined || file === undefined) return outcome
    const body = 'text' in file.content ? file.content.text : await openAsBlob(file.content.file)
    try {
      await this.#api.putArtifact(outcome.path, body)
      return outcome
    } catch (error) {
      if (!isAboutRequest(error)) throw error
      return { outcome: 'refused', path: outcome.path, reason: error.message }
    }
  }
}

const digestOf = async (content: OwnedFile['content']): Promise<string> => {
  const hash = createHash('sha256')
  if ('text' in content) hash.update(content.text)
  else for await (const piece of createReadStream(content.file)) hash.update(piece as Uint8Array)
  return hash.digest('hex')
}

/** Sends nothing: what it is given would be sent. */
export const drySender: ImportSender = {
  send: async (name, items) => items.map((item) => ({ outcome: 'created', id: dryId(name, item) })),
  sendFiles: async (files) => files.map(() => ({ outcome: 'missing' })),
}

const dryId = (name: BatchName, item: object): string =>
  name === 'import.experiments' ? (item as { experimentId: string }).experimentId : 'dry'
