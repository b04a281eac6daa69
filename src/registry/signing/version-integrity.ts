import { createHash } from 'node:crypto'
import type { BlobStore, Database } from '../../ports/index.ts'
import { AppError, fail } from '../../protocol/index.ts'
import type { Actor, EventLog } from '../event-log.ts'
import { excerpt } from '../limits.ts'
import type { VersionRow } from '../model-rows.ts'
import { requireVersionRow } from '../model-rows.ts'
import type { ModelFile } from './verify-signature.ts'
import { versionFiles, versionFolder } from './version-files.ts'

export interface FileProblem {
  /** Below the version's folder. */
  readonly path: string
  /** `altered`: its bytes are others than were stored; `missing`: they are gone. */
  readonly problem: 'altered' | 'missing'
  /** SHA-256 in hex. */
  readonly expected: string
  /** Undefined for a file that is missing. */
  readonly actual: string | undefined
}

export interface DigestReport {
  readonly model: string
  readonly version: number
  /** Whether every file is as it was when the version was registered, and none was added or taken away. */
  readonly intact: boolean
  readonly files: number
  /** Bytes read. */
  readonly bytes: number
  /** Of the folder, when it was sealed; see `ArtifactStore.seal`. */
  readonly sealedDigest: string
  /** Of the folder as it is. */
  readonly actualDigest: string
  /** The first hundred. */
  readonly problems: readonly FileProblem[]
}

/** Files listed at a time, and most problems that are told. */
const filesAtOnce = 1000
const problemsMax = 100

export interface VersionIntegrityDeps {
  readonly db: Database
  readonly blobs: BlobStore
  readonly events: EventLog
}

/** Reads the files of versions again, to see whether they still are what was registered. */
export class VersionIntegrity {
  readonly #deps: VersionIntegrityDeps

  constructor(deps: VersionIntegrityDeps) {
    this.#deps = deps
  }

  /**
   * Reads every byte of a version's files and compares with what was sealed. It takes as long as the reading does, in
   * pieces of the blob store's size; `signal` ends it early. Fails with `invalid_parameter` for a version whose files
   * aren't kept here.
   */
  async verifyDigests(model: string, version: string, actor: Actor, signal?: AbortSignal): Promise<DigestReport> {
    const { db, events } = this.#deps
    const row = await requireVersionRow(db, model, version)
    const folder = versionFolder(row)
    const sealed = folder === undefined ? undefined : await this.#sealedDigest(folder)
    if (folder === undefined || sealed === undefined)
      throw fail('invalid_parameter', {
        reason: `the files of version ${row.version} of '${excerpt(model)}' are not kept here, so that there is nothing to compare with`,
      })
    const report = await this.#read(row, { folder, sealed }, signal)
    await db.transact((tx) =>
      events.append(tx, {
        kind: 'model_version.digests_verified',
        subject: String(row.model_key),
        actor,
        details: { name: row.name, ...report, version: row.version },
      }),
    )
    return report
  }

  async #sealedDigest(folder: string): Promise<string | undefined> {
    const [row] = await this.#deps.db.query<{ digest: string }>('SELECT digest FROM sealed_folders WHERE path = ?', [
      folder,
    ])
    return row?.digest
  }

  async #read(
    row: VersionRow,
    { folder, sealed }: { readonly folder: string; readonly sealed: string },
    signal: AbortSignal | undefined,
  ): Promise<DigestReport> {
    const whole = createHash('sha256')
    const problems: FileProblem[] = []
    let count = 0
    let bytes = 0
    let isIntact = true
    for await (const file of this.#files(folder)) {
      signal?.throwIfAborted()
      const read = await this.#digestOf(file)
      count++
      bytes += read?.bytes ?? 0
      whole.update(`${file.path}\0${read?.digest ?? ''}\n`)
      if (read?.digest === file.digest) continue
      isIntact = false
      if (problems.length < problemsMax) problems.push(problemOf(file, read?.digest))
    }
    const actualDigest = whole.digest('hex')
    return {
      model: row.name,
      version: row.version,
      intact: isIntact && actualDigest === sealed,
      files: count,
      bytes,
      sealedDigest: sealed,
      actualDigest,
      problems,
    }
  }

  async *#files(folder: string): AsyncGenerator<ModelFile> {
    let files: readonly ModelFile[] = []
    do {
      const after = files.at(-1)?.path
      const page = { limit: filesAtOnce, ...(after !== undefined && { after }) }
      files = await versionFiles(this.#deps.db, folder, page)
      yield* files
    } while (files.length === filesAtOnce)
  }

  /** What a file's bytes hash to now; undefined when they are gone. */
  async #digestOf(file: ModelFile): Promise<{ readonly digest: string; readonly bytes: number } | undefined> {
    const hash = createHash('sha256')
    let bytes = 0
    try {
      for await (const piece of this.#deps.blobs.read(file.digest)) {
        hash.update(piece)
        bytes += piece.length
      }
    } catch (error) {
      if (error instanceof AppError && error.code === 'artifact_missing') return undefined
      throw error
    }
    return { digest: hash.digest('hex'), bytes }
  }
}

const problemOf = ({ path, digest }: ModelFile, actual: string | undefined): FileProblem => ({
  path,
  problem: actual === undefined ? 'missing' : 'altered',
  expected: digest,
  actual,
})
