import type { Clock } from '../../lib/index.ts'
import { assert } from '../../lib/index.ts'
import type { Blob, BlobStore, Database, Queries } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import { placeholders } from '../sql.ts'

/**
 * So long a process has for the blobs that it claimed; afterwards another takes them over, since the first one has died.
 * Several times what the slowest store takes for a request and its repetitions.
 */
export const claimMs = 600_000
/** Within this much of it a process still begins to delete one. */
const startMs = claimMs / 4
/** So long it is known that a blob was deleted: no upload takes longer from its last byte to its name. */
const rememberedMs = 7 * 86_400_000
const deletesAtOnce = 8
/** How often a name is tried for bytes that are swept again and again. */
const attemptsMax = 5

/** Thrown out of a transaction that names a blob which is swept, or was. */
class Swept extends Error {
  override name = 'Swept'
}

export interface SweptBlobsDeps {
  readonly db: Database
  readonly blobs: BlobStore
  readonly clock: Clock
}

/**
 * Deletes blobs that nothing names, beside uploads that may be about to name them.
 *
 * A store has no transaction that spans it and the database: an upload of bytes that are there already only finds them,
 * and by the time it names them they may be gone. So a blob is first claimed by a row, in the transaction that sees that
 * nothing names it; then deleted; then its row says so, and stays for a while. Whoever names a blob looks for the row in
 * the same transaction: with a row there, it looks whether the bytes are, and has them sent again if not.
 */
export class SweptBlobs {
  readonly #deps: SweptBlobsDeps

  constructor(deps: SweptBlobsDeps) {
    this.#deps = deps
  }

  /** Part of a transaction within `naming` that gives a blob a name. */
  async requireThere(tx: Queries, digest: string): Promise<void> {
    const rows = await tx.query('SELECT 1 AS swept FROM swept_blobs WHERE digest = ?', [digest])
    if (rows.length > 0) throw new Swept()
  }

  /** Does work that calls `requireThere`: a transaction. Fails with `artifact_swept` when the bytes have to come again. */
  async naming<T>(digest: string, path: string, work: () => Promise<T>): Promise<T> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      try {
        return await work()
      } catch (error) {
        if (!(error instanceof Swept)) throw error
      }
      if (!(await this.#isBack(digest))) break
    }
    throw fail('artifact_swept', { path })
  }

  /**
   * Deletes those of some blobs that nothing names. Gives their digests; `tell` is called in the transaction after which
   * they count as gone. What another process claims is left to it.
   */
  async sweep(
    found: readonly Blob[],
    tell: (tx: Queries, swept: readonly Blob[]) => Promise<void>,
  ): Promise<ReadonlySet<string>> {
    if (found.length === 0) return new Set()
    const { db, clock } = this.#deps
    const claimedMs = clock.wallMs()
    const digests = found.map(({ digest }) => digest)
    const claimed = await db.transact(async (tx) => {
      const list = placeholders(digests.length)
      const named = await tx.query<{ digest: string }>(
        `SELECT digest FROM artifacts WHERE digest IN (${list}) GROUP BY digest`,
        digests,
      )
      const held = await tx.query<{ digest: string }>(
        `SELECT digest FROM swept_blobs WHERE digest IN (${list}) AND state = 'deleting' AND swept_time > ?`,
        [...digests, claimedMs - claimMs],
      )
      const others = new Set([...named, ...held].map(({ digest }) => digest))
      const free = found.filter(({ digest }) => !others.has(digest))
      await tx.executeMany(
        claim,
        free.map(({ digest }) => [digest, claimedMs]),
      )
      return free
    })
    return this.#delete(claimed, claimedMs, tell)
  }

  /** Finishes what processes that died had claimed, and forgets what is long gone. */
  async recover(): Promise<void> {
    const { db, clock } = this.#deps
    const nowMs = clock.wallMs()
    await db.query(`DELETE FROM swept_blobs WHERE state = 'done' AND swept_time < ?`, [nowMs - rememberedMs])
    for (;;) {
      const left = await db.query<{ digest: string }>(
        `UPDATE swept_blobs SET swept_time = ? WHERE digest IN (
           SELECT digest FROM swept_blobs WHERE state = 'deleting' AND swept_time <= ? ORDER BY digest LIMIT 100)
         RETURNING digest`,
        [nowMs, nowMs - claimMs],
      )
      if (left.length === 0) return
      const swept = await this.#delete(
        left.map(({ digest }) => ({ digest, bytes: 0 })),
        nowMs,
        async () => {},
      )
      if (swept.size < left.length) return
    }
  }

  async #delete(
    claimed: readonly Blob[],
    claimedMs: number,
    tell: (tx: Queries, swept: readonly Blob[]) => Promise<void>,
  ): Promise<ReadonlySet<string>> {
    const { db, blobs, clock } = this.#deps
    const waiting = [...claimed]
    const deleted: Blob[] = []
    const work = async (): Promise<void> => {
      // Why: one that comes late could delete what was claimed by another, deleted and stored again meanwhile.
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        if (clock.wallMs() - claimedMs >= startMs) return
        await blobs.delete(next.digest)
        deleted.push(next)
      }
    }
    const ended = await Promise.allSettled(Array.from({ length: deletesAtOnce }, work))
    const over = [...deleted, ...waiting]
    if (over.length > 0)
      await db.transact(async (tx) => {
        await tx.executeMany(
          `UPDATE swept_blobs SET state = 'done', swept_time = ? WHERE digest = ? AND state = 'deleting' AND swept_time = ?`,
          over.map(({ digest }) => [clock.wallMs(), digest, claimedMs]),
        )
        if (deleted.length > 0) await tell(tx, deleted)
      })
    const failed = ended.find((each) => each.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    return new Set(deleted.map(({ digest }) => digest))
  }

  /** Whether the bytes of a blob that was swept are there again, or still. */
  async #isBack(digest: string): Promise<boolean> {
    const { db, blobs, clock } = this.#deps
    const [row] = await db.query<{ state: string; swept_time: number }>(
      'SELECT state, swept_time FROM swept_blobs WHERE digest = ?',
      [digest],
    )
    if (row === undefined) return true
    if (row.state === 'deleting') {
      // Why: nobody may name bytes that somebody is about to delete. Whoever died over it is relieved here.
      if (row.swept_time <= clock.wallMs() - claimMs) await this.recover()
      return false
    }
    assert(row.state === 'done', 'a swept blob is being deleted or was')
    // No deletion is on its way any more, so that bytes found now stay.
    if ((await blobs.stat(digest)) === undefined) return false
    await db.query(`DELETE FROM swept_blobs WHERE digest = ? AND state = 'done' AND swept_time = ?`, [
      digest,
      row.swept_time,
    ])
    return true
  }
}

const claim = `INSERT INTO swept_blobs (digest, state, swept_time) VALUES (?, 'deleting', ?)
  ON CONFLICT (digest) DO UPDATE SET state = excluded.state, swept_time = excluded.swept_time`
