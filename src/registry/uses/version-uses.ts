import type { Clock } from '../../lib/index.ts'
import type { Database, Queries } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import { requireLength } from '../limits.ts'
import { requireVersion } from '../model-name.ts'
import { requireVersionRow } from '../model-rows.ts'

/** One that needs a version, for example an endpoint. */
export interface VersionUse {
  /** A name that is the same after a restart, for example `endpoint:fraud`. */
  readonly owner: string
  readonly model: string
  readonly version: number
  /** Unix ms. */
  readonly since: number
}

/** A version by its place in the database. */
interface VersionKey {
  readonly model_key: number
  readonly version: number
}

export interface UsedVersion {
  readonly model: string
  readonly version: string
}

/**
 * Says why a version can't go, or undefined when it may. It is asked inside a transaction, so that it answers at once,
 * from memory.
 */
export type IsServed = (model: string, version: number) => string | undefined

export interface VersionUsesDeps {
  readonly db: Database
  readonly clock: Clock
  readonly isServed?: IsServed | undefined
}

/** Most uses of one answer and of one owner, and users named in one refusal. */
const usesMax = 1000
const namedMax = 5

/** Who uses which version. It is kept, so that it holds for all processes and across restarts: a version in use can't be deleted. */
export class VersionUses {
  readonly #deps: VersionUsesDeps

  constructor(deps: VersionUsesDeps) {
    this.#deps = deps
  }

  /** Says that an owner uses a version; saying it again changes nothing. Fails when there is no such version. */
  async add(owner: string, model: string, version: string): Promise<void> {
    requireOwner(owner)
    await this.#deps.db.transact(async (tx) => {
      const row = await requireVersionRow(tx, model, version)
      await tx.query(putUse, [owner, row.model_key, row.version, this.#deps.clock.wallMs()])
    })
  }

  /** The owner doesn't use the version any more. What isn't there, or is deleted, changes nothing. */
  async remove(owner: string, model: string, version: string): Promise<void> {
    await this.#deps.db.query(
      'DELETE FROM version_uses WHERE owner = ? AND version = ? AND model_key IN (SELECT model_key FROM registered_models WHERE name = ?)',
      [owner, requireVersion(version), model],
    )
  }

  /** Says all that an owner uses, at once: what it used before and isn't named is released. For owners that start. */
  async replace(owner: string, used: readonly UsedVersion[]): Promise<void> {
    requireOwner(owner)
    if (used.length > usesMax)
      throw fail('invalid_parameter', { reason: `'${owner}' names ${used.length} versions; ${usesMax} are allowed` })
    await this.#deps.db.transact(async (tx) => {
      const rows: VersionKey[] = []
      for (const { model, version } of used) rows.push(await requireVersionRow(tx, model, version))
      await this.replaceWith(tx, owner, rows)
    })
  }

  /** As `replace`, as a part of what `tx` does. */
  async replaceWith(tx: Queries, owner: string, used: readonly VersionKey[]): Promise<void> {
    const kept = await tx.query<{ model_key: number; version: number; since_time: number }>(
      'DELETE FROM version_uses WHERE owner = ? RETURNING model_key, version, since_time',
      [owner],
    )
    const since = new Map(kept.map((row) => [`${row.model_key}/${row.version}`, row.since_time]))
    for (const row of used) {
      const sinceMs = since.get(`${row.model_key}/${row.version}`) ?? this.#deps.clock.wallMs()
      await tx.query(putUse, [owner, row.model_key, row.version, sinceMs])
    }
  }

  /** Who uses a version, or any version of the model; the first thousand. */
  async list(model: string, version?: string): Promise<readonly VersionUse[]> {
    return this.#uses(
      version === undefined ? 'm.name = ?' : 'm.name = ? AND u.version = ?',
      version === undefined ? [model] : [model, requireVersion(version)],
    )
  }

  /** What an owner uses. */
  ofOwner(owner: string): Promise<readonly VersionUse[]> {
    return this.#uses('u.owner = ?', [owner])
  }

  /** Fails with `version_in_use`, naming its users, when one of a model's versions can't go. */
  async requireUnused(
    tx: Queries,
    model: { readonly model_key: number; readonly name: string },
    versions: readonly number[],
  ): Promise<void> {
    const rows = await tx.query<{ owner: string; version: number }>(
      'SELECT owner, version FROM version_uses WHERE model_key = ? ORDER BY version, owner',
      [model.model_key],
    )
    for (const version of versions) {
      const owners = rows.filter((row) => row.version === version).map(({ owner }) => owner)
      const served = this.#deps.isServed?.(model.name, version)
      const named = [...owners.slice(0, namedMax), ...(served === undefined ? [] : [served])]
      if (named.length === 0) continue
      const more = owners.length > namedMax ? ` and ${owners.length - namedMax} more` : ''
      throw fail('version_in_use', { model: model.name, version, what: `${named.join(', ')}${more}` })
    }
  }

  async #uses(condition: string, args: readonly (string | number)[]): Promise<VersionUse[]> {
    const rows = await this.#deps.db.query<{ owner: string; name: string; version: number; since_time: number }>(
      `SELECT u.owner, m.name, u.version, u.since_time FROM version_uses u
       JOIN registered_models m ON m.model_key = u.model_key WHERE ${condition} ORDER BY m.name, u.version, u.owner LIMIT ?`,
      [...args, usesMax],
    )
    return rows.map((row) => ({ owner: row.owner, model: row.name, version: row.version, since: row.since_time }))
  }
}

const putUse =
  'INSERT INTO version_uses (owner, model_key, version, since_time) VALUES (?, ?, ?, ?) ON CONFLICT (owner, model_key, version) DO NOTHING'

const ownerLengthMax = 250

const requireOwner = (owner: string): void => {
  if (owner === '') throw fail('invalid_parameter', { reason: 'the owner of a use has no name' })
  requireLength('Owner', owner, ownerLengthMax)
}
