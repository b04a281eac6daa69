import type { Clock } from '../../lib/index.ts'
import type { Database, Queries } from '../../ports/index.ts'
import { AppError, fail } from '../../protocol/index.ts'
import type { Actor, EventLog } from '../event-log.ts'
import { requireVersionRow, versionColumns, versionsFrom } from '../model-rows.ts'
import type { VersionRow } from '../model-rows.ts'
import { moveText } from '../promotion/evaluate-policy.ts'
import type { MoveTarget } from '../promotion/policy.ts'
import type { VersionSeals } from '../version-seals.ts'
import { folderOf } from '../version-seals.ts'
import type { VersionUses } from '../uses/version-uses.ts'
import { Refusal, tellingRefusals } from '../refusal.ts'
import { placeholders } from '../sql.ts'
import type { EndpointRow } from './endpoint-rows.ts'
import { endpointRowsOf, noFiles, servedFiles } from './endpoint-rows.ts'
import type { EndpointChecks, MoveGuard, PlannedMove } from './move-guard.ts'

export interface EndpointMovesDeps {
  readonly db: Database
  readonly clock: Clock
  readonly events: EventLog
  readonly seals: VersionSeals
  readonly uses: VersionUses
  readonly guard: MoveGuard
}

/** A version that is to go where endpoints may follow. */
export interface VersionMove {
  readonly model: string
  readonly version: string
  readonly target: MoveTarget
  /** Whether versions that are in the stage leave it. */
  readonly archiveExisting?: boolean
}

interface GuardedWork<T> {
  check(): Promise<void>
  /** Told what the version has passed for the endpoints that follow. */
  commit(checked: readonly EndpointChecks[]): Promise<T>
}

/** Endpoints that a move makes stand for another version. */
interface Followed {
  readonly candidate: number
  readonly rows: readonly EndpointRow[]
}

/** Keeps endpoints in step with the models that they follow: asked before a move, and told of it within its transaction. */
export class EndpointMoves {
  readonly #deps: EndpointMovesDeps

  constructor(deps: EndpointMovesDeps) {
    this.#deps = deps
  }

  get guard(): MoveGuard {
    return this.#deps.guard
  }

  /**
   * Makes a move, with everything loaded and checked beforehand when endpoints follow it. Fails with
   * `promotion_refused` when one of them can't. `check` says early what `commit` would refuse, before anything is loaded.
   */
  async around<T>(move: VersionMove, actor: Actor, work: GuardedWork<T>): Promise<T> {
    const { db, guard } = this.#deps
    const followed = await this.#followed(move)
    if (followed.length === 0) return work.commit([])
    await work.check()
    const version = await requireVersionRow(db, move.model, move.version)
    const prepared = await tellingRefusals(this.#deps, async () => {
      try {
        const moves: PlannedMove[] = []
        for (const { rows, candidate } of followed)
          moves.push(...(await this.plan(await requireVersionRow(db, move.model, String(candidate)), rows)))
        return await guard.prepare(moves)
      } catch (error) {
        throw refusalOf(error, version, move, actor)
      }
    })
    let isCommitted = false
    try {
      const result = await work.commit(prepared.checked.filter(({ checks }) => checks.length > 0))
      isCommitted = true
      return result
    } finally {
      await prepared.settle(isCommitted)
    }
  }

  /** What endpoints are to stand for. Fails with `unsupported` for a version whose files can't be served. */
  async plan(
    version: VersionRow,
    endpoints: readonly { readonly name: string; readonly isNew?: true }[],
  ): Promise<PlannedMove[]> {
    const { db, seals } = this.#deps
    await db.transact((tx) => seals.seal(tx, version.storage_location))
    const files = await servedFiles(db, version)
    if (files === undefined)
      throw fail('not_servable', {
        what: `version ${version.version} of '${version.name}'`,
        reason: noFiles(version.storage_location, folderOf(version.storage_location) || undefined),
      })
    return endpoints.map(({ name, isNew = false }) => ({ endpoint: name, files, isNew }))
  }

  /** Points the endpoints of a model at what they follow now, as a part of what `tx` does. */
  async follow(tx: Queries, modelKey: number): Promise<void> {
    for (const row of await endpointRowsOf(tx, modelKey)) {
      const version = await this.find(tx, row)
      if (version === undefined || version.version === row.version) continue
      await this.pointAt(tx, row.name, version)
    }
  }

  async pointAt(tx: Queries, endpoint: string, version: VersionRow): Promise<void> {
    const { seals, uses } = this.#deps
    await seals.seal(tx, version.storage_location)
    await tx.query('UPDATE endpoints SET version = ? WHERE name = ?', [version.version, endpoint])
    await uses.replaceWith(tx, ownerOf(endpoint), [version])
  }

  /** Endpoints that would stand for another version after the move, by what they follow. */
  async #followed(move: VersionMove): Promise<Followed[]> {
    const { db } = this.#deps
    const { model, target } = move
    const [found] = await db.query<{ model_key: number }>('SELECT model_key FROM registered_models WHERE name = ?', [
      model,
    ])
    if (found === undefined || !/^\d{1,15}$/.test(move.version)) return []
    const rows = (await endpointRowsOf(db, found.model_key)).filter(({ kind }) => kind === target.kind)
    const followed: Followed[] = []
    for (const [selector, followers] of Map.groupBy(rows, (row) => row.selector)) {
      const candidate = await this.#candidate(found.model_key, selector, move)
      const moved = followers.filter((row) => row.version !== candidate)
      if (candidate !== undefined && moved.length > 0) followed.push({ candidate, rows: moved })
    }
    return followed
  }

  /** The version that an alias or a stage names once the move is made; undefined when none, or as before for an alias. */
  async #candidate(modelKey: number, selector: string, move: VersionMove): Promise<number | undefined> {
    const { target, archiveExisting = false } = move
    const moved = Number(move.version)
    if (target.kind === 'alias') return selector === target.alias ? moved : undefined
    const stages = stagesThatStay(selector, target.stage, archiveExisting)
    const [highest] = await this.#deps.db.query<{ version: number }>(
      `SELECT version FROM model_versions WHERE model_key = ? AND version <> ?
       AND current_stage IN (${placeholders(stages.length)}) ORDER BY version DESC LIMIT 1`,
      [modelKey, moved, ...stages],
    )
    return selector === target.stage ? Math.max(moved, highest?.version ?? 0) : highest?.version
  }

  /** The version that an endpoint of a registered model follows; undefined when its alias, stage or version isn't there. */
  async find(
    queries: Queries,
    { kind, selector, model_key: modelKey }: Pick<EndpointRow, 'kind' | 'selector' | 'model_key'>,
  ): Promise<VersionRow | undefined> {
    const found = `SELECT ${versionColumns} FROM ${versionsFrom}`
    if (kind === 'alias') {
      const join = 'JOIN model_aliases a ON a.model_key = v.model_key AND a.version = v.version'
      return first(
        await queries.query<VersionRow>(`${found} ${join} WHERE v.model_key = ? AND a.alias = ?`, [modelKey, selector]),
      )
    }
    const newest = 'ORDER BY v.version DESC LIMIT 1'
    if (kind === 'stage') {
      const where = 'WHERE v.model_key = ? AND v.current_stage = ?'
      return first(await queries.query<VersionRow>(`${found} ${where} ${newest}`, [modelKey, selector]))
    }
    if (kind === 'latest')
      return first(await queries.query<VersionRow>(`${found} WHERE v.model_key = ? ${newest}`, [modelKey]))
    return first(
      await queries.query<VersionRow>(`${found} WHERE v.model_key = ? AND v.version = ?`, [modelKey, Number(selector)]),
    )
  }
}

/** The stages now of the versions that will be in a stage, besides the one that is moved. */
const stagesThatStay = (selector: string, target: string, archiveExisting: boolean): string[] => {
  if (!archiveExisting) return [selector]
  // Why: no version is in a stage without a name; the list of a query can't be empty.
  if (selector === target) return ['']
  return selector === 'Archived' ? [selector, target] : [selector]
}

const first = (rows: readonly VersionRow[]): VersionRow | undefined => rows[0]

/** An endpoint's name as a user of versions; lineage shows it. */
export const ownerOf = (endpoint: string): string => `endpoint:${endpoint}`

const refusalOf = (error: unknown, version: VersionRow, { target }: VersionMove, actor: Actor): unknown => {
  // A database that is away says nothing of the version.
  if (!(error instanceof AppError) || error.code === 'database_unavailable') return error
  const what = moveText(version.name, version.version, target)
  return new Refusal(fail('promotion_refused', { what, reason: error.message }, error), {
    kind: 'promotion.refused',
    subject: String(version.model_key),
    actor,
    details: { name: version.name, version: version.version, target, what, reasons: [error.message] },
  })
}
