import type { Clock } from '../../lib/index.ts'
import type { Blob, Database } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import type { ArtifactStore } from '../artifact-store.ts'

/** An upload in parts, bound to the path that it was begun for. */
export interface ArtifactUpload {
  readonly path: string
  /** Of the whole file, once the upload is finished. */
  readonly digest: string | undefined
}

/** Uploads are remembered for so long, finished or not. */
export const uploadKeptMs = 7 * 86_400_000
/** Most that are dropped for their age at a time, and most that are remembered at all: each holds space on disk. */
const expiredMax = 100
const uploadsMax = 10_000

/** Which path each upload in parts is for. The parts themselves are in the BlobStore, under the same id. */
export class UploadStore {
  readonly #db: Database
  readonly #clock: Clock
  readonly #artifacts: ArtifactStore

  constructor({
    db,
    clock,
    artifacts,
  }: {
    readonly db: Database
    readonly clock: Clock
    readonly artifacts: ArtifactStore
  }) {
    this.#db = db
    this.#clock = clock
    this.#artifacts = artifacts
  }

  /**
   * Remembers an upload. Gives the ids of some that are too old, which it forgets, for the caller to drop. Fails as
   * `ArtifactStore.requireOpen` does, and with `server_busy` when there are too many.
   */
  async start(uploadId: string, path: string): Promise<readonly string[]> {
    const nowMs = this.#clock.wallMs()
    return this.#db.transact(async (tx) => {
      await this.#artifacts.requireOpen(path, tx)
      const old = await tx.query<{ upload_id: string }>(
        `DELETE FROM artifact_uploads WHERE upload_id IN
          (SELECT upload_id FROM artifact_uploads WHERE created_time < ? ORDER BY created_time LIMIT ?)
         RETURNING upload_id`,
        [nowMs - uploadKeptMs, expiredMax],
      )
      const [row] = await tx.query<{ count: number }>(
        'SELECT COUNT(*) AS count FROM artifact_uploads WHERE digest IS NULL',
      )
      if ((row?.count ?? 0) >= uploadsMax) throw fail('server_busy', { what: `uploads in parts (${uploadsMax})` })
      await tx.query('INSERT INTO artifact_uploads (upload_id, path, created_time) VALUES (?, ?, ?)', [
        uploadId,
        path,
        nowMs,
      ])
      return old.map((each) => each.upload_id)
    })
  }

  /** Fails with `resource_missing` for an upload that isn't known, and with `invalid_parameter` for one of another path. */
  async require(uploadId: string, path: string): Promise<ArtifactUpload> {
    const [row] = await this.#db.query<{ path: string; digest: string | null }>(
      'SELECT path, digest FROM artifact_uploads WHERE upload_id = ?',
      [uploadId],
    )
    if (row === undefined) throw fail('resource_missing', { reason: `There is no upload '${uploadId.slice(0, 100)}'.` })
    if (row.path !== path)
      throw fail('invalid_parameter', { reason: `The upload was begun for another path than '${path}'.` })
    return { path, digest: row.digest ?? undefined }
  }

  /** Puts the finished file where the upload belongs, and remembers that. */
  async finish(uploadId: string, path: string, blob: Blob): Promise<void> {
    await this.#artifacts.placing(path, blob, async (tx) => {
      const [row] = await tx.query(
        'UPDATE artifact_uploads SET digest = ? WHERE upload_id = ? AND path = ? RETURNING path',
        [blob.digest, uploadId, path],
      )
      if (row === undefined) throw fail('resource_missing', { reason: `The upload was dropped while it was finished.` })
    })
  }

  /** Forgets an upload that isn't finished; fails with `conflict` for one that is. */
  async drop(uploadId: string): Promise<void> {
    const [row] = await this.#db.query(
      'DELETE FROM artifact_uploads WHERE upload_id = ? AND digest IS NULL RETURNING path',
      [uploadId],
    )
    if (row === undefined) throw fail('conflict', { reason: 'The upload is finished, and the file in its place.' })
  }
}
