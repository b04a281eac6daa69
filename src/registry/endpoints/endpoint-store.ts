import type { Clock } from '../../lib/index.ts'
import type { Database, Queries } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import type { Actor, EventKind, EventLog } from '../event-log.ts'
import type { AliasChange, ModelHistory, RefusedMove } from '../history/model-history.ts'
import { subjectText } from '../history/audit-subject.ts'
import { excerpt } from '../limits.ts'
import { requireModelRow } from '../model-rows.ts'
import type { VersionRow } from '../model-rows.ts'
import type { ModelStore } from '../model-store.ts'
import type { ModelFile } from '../signing/verify-signature.ts'
import { versionFiles } from '../signing/version-files.ts'
import { runFiles } from '../run-files.ts'
import { artifactsUri, keptPath } from '../source-uri.ts'
import type { ArtifactStore } from '../artifact-store.ts'
import type { VersionSeals } from '../version-seals.ts'
import type { VersionUses } from '../uses/version-uses.ts'
import type { Endpoint, EndpointTarget, ServedFiles } from './endpoint.ts'
import { requireEndpointName } from './endpoint.ts'
import type { EndpointMoves } from './endpoint-moves.ts'
import { ownerOf } from './endpoint-moves.ts'
import type { EndpointRow } from './endpoint-rows.ts'
import { endpointRow, endpointRows, endpointsMax, readEndpoint, readTargets, sealedDigests } from './endpoint-rows.ts'
import type { ModelReference } from './model-reference.ts'
import { parseModelReference, referenceText } from './model-reference.ts'
import type { PlannedMove } from './move-guard.ts'
import { rollbackCause, rollbackTarget } from './rollback-target.ts'

export interface EndpointStoreDeps {
  readonly db: Database
  readonly clock: Clock
  readonly events: EventLog
  readonly moves: EndpointMoves
  readonly models: ModelStore
  readonly history: ModelHistory
  readonly artifacts: ArtifactStore
  readonly seals: VersionSeals
  readonly uses: VersionUses
}

/** What an endpoint is to follow, once it is known to be there. */
interface Followed {
  readonly reference: ModelReference
  readonly version: VersionRow | undefined
  /** Of a run's files. */
  readonly folder: string | undefined
  readonly modelKey: number | null
}

export interface PutOptions {
  /** Whether it must load before it is kept; without, it is kept and loaded afterwards. */
  readonly wait: boolean
}

/** Names under which models of the registry are called. */
export class EndpointStore {
  readonly #deps: EndpointStoreDeps

  constructor(deps: EndpointStoreDeps) {
    this.#deps = deps
  }

  /**
   * Makes an endpoint, or has one follow something else. Fails with the reason when what it is to follow isn't there,
   * and, waiting, when it doesn't load; nothing is changed then.
   */
  async put(name: string, referenceOf: string, { wait }: PutOptions, actor: Actor): Promise<Endpoint> {
    requireEndpointName(name)
    const { db, moves } = this.#deps
    const reference = parseModelReference(referenceOf)
    const before = await endpointRow(db, name)
    if (before !== undefined && readEndpoint(before).reference === referenceText(reference)) return readEndpoint(before)
    const followed = await this.#follow(reference)
    const prepared = wait ? await moves.guard.prepare(await this.#planned(name, before, followed)) : undefined
    let isCommitted = false
    try {
      await db.transact((tx) => this.#write(tx, name, followed, actor))
      isCommitted = true
    } finally {
      await prepared?.settle(isCommitted)
    }
    if (prepared === undefined) await moves.guard.changed()
    return this.require(name)
  }

  async require(name: string): Promise<Endpoint> {
    return readEndpoint(await this.#row(name))
  }

  /** Every endpoint, in the order of names. */
  async list(): Promise<Endpoint[]> {
    return (await endpointRows(this.#deps.db)).map(readEndpoint)
  }

  /** What every endpoint stands for now. */
  async targets(): Promise<EndpointTarget[]> {
    const { db } = this.#deps
    return readTargets(db, await endpointRows(db))
  }

  /** Files below a folder of the artifact root, in the order of their paths, those behind `after`. */
  files(folder: string, page: { readonly after?: string; readonly limit: number }): Promise<ModelFile[]> {
    return versionFiles(this.#deps.db, folder, page)
  }

  async delete(name: string, actor: Actor): Promise<void> {
    const { db, events, moves, uses } = this.#deps
    const { folder } = await this.#row(name)
    await db.transact(async (tx) => {
      await tx.query('DELETE FROM endpoints WHERE name = ?', [name])
      if (folder !== null) await this.#deps.seals.release(tx, [artifactsUri(folder)])
      await uses.replaceWith(tx, ownerOf(name), [])
      await events.append(tx, {
        kind: 'endpoint.deleted',
        subject: subjectText('endpoint', name),
        actor,
        details: { name },
      })
    })
    await moves.guard.changed()
  }

  /** Moves of the alias that an endpoint follows, the newest first. */
  async historyOf(name: string): Promise<readonly AliasChange[]> {
    const { model, alias } = await this.#alias(name, 'has no history of moves')
    return this.#deps.history.aliasHistory(model, alias)
  }

  /** Moves of that alias that were refused, the newest first. */
  async refusalsOf(name: string): Promise<readonly RefusedMove[]> {
    const { model, alias } = await this.#alias(name, 'has no history of moves')
    return this.#deps.history.refusedMoves(model, alias)
  }

  /**
   * Moves the alias that an endpoint follows back: to the version before its newest move that wasn't taken back, or to
   * the one named. The same checks hold as for every move.
   */
  async rollback(name: string, version: string | undefined, actor: Actor): Promise<Endpoint> {
    const { model, alias } = await this.#alias(name, 'stands for one version')
    const { models, history } = this.#deps
    const to = version ?? rollbackTarget(await history.aliasHistory(model, alias))
    if (to === undefined)
      throw fail('conflict', {
        reason: `@${alias} of '${excerpt(model)}' has no earlier version to go back to: it was never moved, or every move was taken back`,
      })
    if (version === undefined) await this.#requireKept(name, to)
    await models.setAlias(model, alias, String(to), { ...actor, cause: rollbackCause })
    return this.require(name)
  }

  /** Nobody is brought to a version further back than was asked for. */
  async #requireKept(name: string, version: number | string): Promise<void> {
    const { db, moves } = this.#deps
    const { model_key: modelKey } = await this.#row(name)
    if ((await moves.find(db, { kind: 'version', selector: String(version), model_key: modelKey })) !== undefined)
      return
    throw fail('conflict', {
      reason: `the version before the newest move, ${version}, has been deleted since; name the version to go back to`,
    })
  }

  async #alias(name: string, otherwise: string): Promise<{ readonly model: string; readonly alias: string }> {
    const { kind, model, selector, ...row } = await this.#row(name)
    if (kind === 'alias' && model !== null) return { model, alias: selector }
    const { reference } = readEndpoint({ kind, model, selector, ...row })
    throw fail('conflict', { reason: `endpoint '${excerpt(name)}' follows ${reference}, no alias, and ${otherwise}` })
  }

  async #row(name: string): Promise<EndpointRow> {
    const row = await endpointRow(this.#deps.db, name)
    if (row === undefined) throw fail('resource_missing', { reason: `there is no endpoint '${excerpt(name)}'` })
    return row
  }

  async #follow(reference: ModelReference): Promise<Followed> {
    const { db, moves } = this.#deps
    if (reference.kind === 'run')
      return { reference, version: undefined, folder: await this.#runFolder(reference.selector), modelKey: null }
    const { model_key: modelKey } = await requireModelRow(db, reference.model)
    const version = await moves.find(db, { ...reference, model_key: modelKey })
    if (version === undefined)
      throw fail('resource_missing', {
        reason: `${referenceText(reference)} names no version: ${absent[reference.kind]}`,
      })
    return { reference, version, folder: undefined, modelKey }
  }

  async #runFolder(selector: string): Promise<string> {
    const [runId = ''] = selector.split('/', 1)
    const { location } = await runFiles(this.#deps.db, runId, selector.slice(runId.length + 1))
    return keptPath(location, '')
  }

  async #planned(name: string, before: EndpointRow | undefined, { version, folder }: Followed): Promise<PlannedMove[]> {
    const isNew = before === undefined
    if (version !== undefined) return this.#deps.moves.plan(version, [{ name, ...(isNew && { isNew }) }])
    return [{ endpoint: name, files: await this.#runFiles(folder ?? ''), isNew }]
  }

  /** A run's files, which can't change any more from here on. */
  async #runFiles(folder: string): Promise<ServedFiles> {
    const { db, artifacts } = this.#deps
    await db.transact((tx) => artifacts.seal(tx, folder))
    const digest = (await sealedDigests(db, [folder])).get(folder)
    if (digest === undefined) throw fail('not_servable', { what: `'${excerpt(folder)}'`, reason: 'it has no files' })
    return { version: 1, folder, digest }
  }

  /** What was followed, and loaded, must still be what is to be followed. */
  async #requireStill(tx: Queries, { kind, selector }: ModelReference, version: VersionRow): Promise<void> {
    const now = await this.#deps.moves.find(tx, { kind, selector, model_key: version.model_key })
    if (now?.version !== version.version)
      throw fail('conflict', {
        reason: `what it follows has moved from version ${version.version} meanwhile; try again`,
      })
  }

  async #write(
    tx: Queries,
    name: string,
    { reference, version, folder, modelKey }: Followed,
    actor: Actor,
  ): Promise<void> {
    const { clock, events, moves, artifacts, seals, uses } = this.#deps
    if (version !== undefined) await this.#requireStill(tx, reference, version)
    const [earlier] = await tx.query<{ folder: string | null }>('SELECT folder FROM endpoints WHERE name = ?', [name])
    const [count] = await tx.query<{ others: number }>('SELECT COUNT(*) AS others FROM endpoints WHERE name <> ?', [
      name,
    ])
    if ((count?.others ?? 0) >= endpointsMax)
      throw fail('conflict', { reason: `there are ${endpointsMax} endpoints already` })
    await tx.query(putEndpoint, [
      name,
      reference.kind,
      modelKey,
      reference.selector,
      folder ?? null,
      actor.name,
      clock.wallMs(),
    ])
    if (typeof earlier?.folder === 'string' && earlier.folder !== folder)
      await seals.release(tx, [artifactsUri(earlier.folder)])
    if (folder !== undefined) await artifacts.seal(tx, folder)
    if (version === undefined) await uses.replaceWith(tx, ownerOf(name), [])
    else await moves.pointAt(tx, name, version)
    const kind: EventKind = earlier === undefined ? 'endpoint.created' : 'endpoint.changed'
    const details = { name, reference: referenceText(reference), version: version?.version ?? null }
    await events.append(tx, { kind, subject: subjectText('endpoint', name), actor, details })
  }
}

/** Why a reference to a model that is there names nothing. */
const absent = {
  alias: 'the model has no such alias',
  stage: 'no version is in that stage',
  version: 'there is no such version',
  latest: 'the model has no versions',
} as const

const putEndpoint = `INSERT INTO endpoints (name, kind, model_key, selector, folder, created_by, created_time) VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, model_key = excluded.model_key, selector = excluded.selector,
    folder = excluded.folder, version = NULL`
