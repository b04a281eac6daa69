import { createHash } from 'node:crypto'
import type { Clock } from '../lib/index.ts'
import type { Blob, BlobStore, Database, Queries } from '../ports/index.ts'
import { fail } from '../protocol/index.ts'
import type { Actor, EventLog } from './event-log.ts'
import { anonymous } from './event-log.ts'
import type { SweptBlobs } from './gc/swept-blobs.ts'
import { subjectText } from './history/audit-subject.ts'

export interface Artifact {
  /** Below the artifact root: `0/RUN/artifacts/model/MLmodel`. */
  readonly path: string
  readonly digest: string
  readonly bytes: number
}

/** One entry of a folder, by its name in it. */
export interface ArtifactEntry {
  readonly name: string
  readonly isFolder: boolean
  /** Size of a file; undefined for a folder. */
  readonly bytes: number | undefined
}

interface ArtifactRow extends Readonly<Record<string, string | number>> {
  readonly path: string
  readonly digest: string
  readonly bytes: number
}

export interface ArtifactStoreDeps {
  readonly db: Database
  readonly blobs: BlobStore
  readonly clock: Clock
  readonly events: EventLog
  readonly swept: SweptBlobs
}

/** Most entries of one listing, and most files that one deletion takes. */
const listMax = 100_000

/**
 * Which bytes are under which path. Paths are canonical (see `requireArtifactPath`); '' is the root. Files of a sealed
 * folder, one that a registered version names, can't be written or deleted.
 */
export class ArtifactStore {
  readonly #db: Database
  readonly #blobs: BlobStore
  readonly #clock: Clock
  readonly #events: EventLog
  readonly #swept: SweptBlobs

  constructor({ db, blobs, clock, events, swept }: ArtifactStoreDeps) {
    this.#swept = swept
    this.#db = db
    this.#blobs = blobs
    this.#clock = clock
    this.#events = events
  }

  async get(path: string): Promise<Artifact | undefined> {
    const [row] = await this.#db.query<ArtifactRow>('SELECT path, digest, bytes FROM artifacts WHERE path = ?', [path])
    return row
  }

  /** A small file's bytes; undefined when there is no such file. Fails with `payload_too_large` above the bound. */
  async read(path: string, bytesMax: number): Promise<Uint8Array | undefined> {
    const artifact = await this.get(path)
    if (artifact === undefined) return undefined
    if (artifact.bytes > bytesMax) throw fail('payload_too_large', { what: path, limitBytes: bytesMax })
    const pieces: Uint8Array[] = []
    for await (const piece of this.#blobs.read(artifact.digest)) pieces.push(piece)
    return Buffer.concat(pieces)
  }

  /** Whether bytes may be put there. Asked before they travel, and again when they have arrived. */
  async requireOpen(path: string, queries: Queries = this.#db): Promise<void> {
    const folders = ancestors(path)
    const list = folders.map(() => '?').join(', ')
    const [sealed] = await queries.query<{ path: string }>(
      `SELECT path FROM sealed_folders WHERE path IN (${list}) LIMIT 1`,
      folders,
    )
    if (sealed !== undefined) throw fail('artifact_sealed', { path: sealed.path })
    const above = folders.slice(1, -1)
    if (above.length === 0) return
    const [file] = await queries.query<{ path: string }>(
      `SELECT path FROM artifacts WHERE path IN (${above.map(() => '?').join(', ')}) LIMIT 1`,
      above,
    )
    if (file !== undefined)
      throw fail('invalid_parameter', { reason: `'${file.path}' is a file, so that nothing can be below it` })
  }

  /** Puts bytes that are stored under a path. Fails with `artifact_swept` when they were removed meanwhile. */
  put(path: string, blob: Blob): Promise<void> {
    return this.placing(path, blob, () => Promise.resolve())
  }

  /** The same, as a part of a transaction that begins with `before`. */
  placing(path: string, blob: Blob, before: (tx: Queries) => Promise<void>): Promise<void> {
    return this.#swept.naming(blob.digest, path, () =>
      this.#db.transact(async (tx) => {
        await before(tx)
        await this.#place(tx, path, blob)
      }),
    )
  }

  async #place(tx: Queries, path: string, blob: Blob): Promise<void> {
    await this.#swept.requireThere(tx, blob.digest)
    await this.requireOpen(path, tx)
    const below = await tx.query('SELECT path FROM artifacts WHERE path >= ? AND path < ? LIMIT 1', within(path))
    if (below.length > 0) throw fail('invalid_parameter', { reason: `'${path}' is a folder` })
    await tx.query(
      'INSERT INTO artifacts (path, digest, bytes, stored_time) VALUES (?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET digest = excluded.digest, bytes = excluded.bytes, stored_time = excluded.stored_time',
      [path, blob.digest, blob.bytes, this.#clock.wallMs()],
    )
  }

  /** The entries of a folder in the order of their names; none for a folder that isn't there. */
  async list(folder: string): Promise<ArtifactEntry[]> {
    const entries = new Map<string, ArtifactEntry>()
    const start = folder === '' ? 0 : folder.length + 1
    for (const { path, bytes } of await this.below(folder)) {
      const rest = path.slice(start)
      const slash = rest.indexOf('/')
      if (slash < 0) entries.set(rest, { name: rest, isFolder: false, bytes })
      else entries.set(rest.slice(0, slash), { name: rest.slice(0, slash), isFolder: true, bytes: undefined })
    }
    return [...entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Every file below a folder, or the file itself. */
  async below(folder: string): Promise<Artifact[]> {
    if (folder === '')
      return this.#db.query<ArtifactRow>('SELECT path, digest, bytes FROM artifacts ORDER BY path LIMIT ?', [listMax])
    return this.#db.query<ArtifactRow>(
      'SELECT path, digest, bytes FROM artifacts WHERE path >= ? AND path < ? ORDER BY path LIMIT ?',
      [...within(folder), listMax],
    )
  }

  /**
   * Seals a folder: its files can't change any more. Its digest is the SHA-256 of one line a file, `PATH NUL DIGEST`, in
   * the order of the paths. A folder without files isn't sealed.
   */
  async seal(tx: Queries, folder: string): Promise<void> {
    const files = await tx.query<{ path: string; digest: string }>(
      'SELECT path, digest FROM artifacts WHERE path >= ? AND path < ? ORDER BY path',
      within(folder),
    )
    if (files.length === 0) return
    const hash = createHash('sha256')
    for (const { path, digest } of files) hash.update(`${path.slice(folder.length + 1)}\0${digest}\n`)
    await tx.query(
      'INSERT INTO sealed_folders (path, digest, sealed_time) VALUES (?, ?, ?) ON CONFLICT (path) DO NOTHING',
      [folder, hash.digest('hex'), this.#clock.wallMs()],
    )
  }

  /** Opens a sealed folder again. */
  async unseal(tx: Queries, folder: string): Promise<void> {
    await tx.query('DELETE FROM sealed_folders WHERE path = ?', [folder])
  }

  /** Deletes a file, or a folder with everything below. The bytes go when nothing names them any more. */
  async delete(path: string, actor: Actor = anonymous): Promise<void> {
    await this.#db.transact(async (tx) => {
      await this.requireOpen(path, tx)
      const [sealed] = await tx.query<{ path: string }>(
        'SELECT path FROM sealed_folders WHERE path >= ? AND path < ? LIMIT 1',
        within(path),
      )
      if (sealed !== undefined) throw fail('artifact_sealed', { path: sealed.path })
      const where = 'path = ? OR (path >= ? AND path < ?)'
      const [gone] = await tx.query<{ files: number }>(`SELECT COUNT(*) AS files FROM artifacts WHERE ${where}`, [
        path,
        ...within(path),
      ])
      if (gone === undefined || gone.files === 0) return
      await tx.query(`DELETE FROM artifacts WHERE ${where}`, [path, ...within(path)])
      await this.#events.append(tx, {
        kind: 'artifact.deleted',
        subject: subjectText('artifact', path),
        actor,
        details: { files: gone.files },
      })
    })
  }
}

/** The paths below a folder are the ones from `folder/` up to `folder0`: 0 follows / in ASCII. */
const within = (folder: string): [string, string] => [`${folder}/`, `${folder}0`]

/** The root, every folder above a path, and the path itself. */
const ancestors = (path: string): string[] => {
  const segments = path.split('/')
  return ['', ...segments.map((_, index) => segments.slice(0, index + 1).join('/'))]
}
