import type { Database, Queries } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import type { EventRow, RegistryEvent } from '../event-log.ts'
import { eventColumns, readEvent } from '../event-log.ts'
import { excerpt } from '../limits.ts'
import { requireModelName, requireVersion } from '../model-name.ts'
import type { Stage } from '../registered-model.ts'
import { ofAliases, ofStages } from './migration.ts'
import type { EndpointChecks } from '../endpoints/move-guard.ts'
import { modelKeyOf } from './model-names.ts'

/** One move, and who made it, when and why. */
interface Change {
  /** The event's number in the log. */
  readonly sequence: number
  /** Unix ms. */
  readonly time: number
  readonly actor: string
  readonly reason: string | undefined
}

export interface AliasChange extends Change {
  readonly alias: string
  /** Where it points since; undefined when it was taken off. */
  readonly version: number | undefined
  /** Where it pointed before; undefined when it was new. */
  readonly versionBefore: number | undefined
  /** The event that took it along, for example `model_version.deleted`; undefined when it was moved by itself. */
  readonly cause: string | undefined
  /** What the version had passed for the endpoints that follow; undefined where none did. */
  readonly checked: readonly EndpointChecks[] | undefined
}

/** A move of an alias that was not made. */
export interface RefusedMove extends Change {
  /** Where it was to point. */
  readonly version: number | undefined
  /** Why it was refused. */
  readonly refused: readonly string[]
}

export interface StageChange extends Change {
  /** Undefined once the version is deleted. */
  readonly stage: Stage | undefined
  /** Undefined for the version's creation. */
  readonly stageBefore: Stage | undefined
  /** The version that took its place, when it was archived by that one's move. */
  readonly archivedBy: number | undefined
}

export interface AliasState {
  readonly version: number
  /** Since when it pointed there. */
  readonly since: AliasChange
}

export interface StageState {
  readonly stage: Stage
  readonly since: StageChange
}

/** Most changes of one answer, and events read at a time. */
const changesMax = 1000
const batch = 500

type Read<T> = (event: RegistryEvent) => T | undefined

/** Where aliases pointed and what stages versions were in, at any time; of renamed and deleted models too. */
export class ModelHistory {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  /** Every move of an alias, the newest first; the newest thousand. */
  async aliasHistory(model: string, alias: string): Promise<readonly AliasChange[]> {
    const key = await this.#requireKey(model)
    return changes(this.#db, { key, kinds: ofAliases, read: aliasChange(alias), max: changesMax })
  }

  /** Moves of an alias that were refused, the newest first; the newest thousand. */
  async refusedMoves(model: string, alias: string): Promise<readonly RefusedMove[]> {
    const key = await this.#requireKey(model)
    return changes(this.#db, { key, kinds: `kind = 'promotion.refused'`, read: refusedMove(alias), max: changesMax })
  }

  /** Where an alias pointed at a time (Unix ms); undefined when it didn't exist then. */
  async aliasAt(model: string, alias: string, timeMs: number): Promise<AliasState | undefined> {
    const key = await modelKeyOf(this.#db, requireModelName(model), timeMs)
    if (key === undefined) return undefined
    const [since] = await changes(this.#db, { key, kinds: ofAliases, read: aliasChange(alias), max: 1, timeMs })
    return since?.version === undefined ? undefined : { version: since.version, since }
  }

  /** Every stage that a version was in, the newest first; the newest thousand. */
  async stageHistory(model: string, version: string): Promise<readonly StageChange[]> {
    const read = stageChange(requireVersion(version))
    const key = await this.#requireKey(model)
    return withStagesBefore(await changes(this.#db, { key, kinds: ofStages, read, max: changesMax }))
  }

  /** The stage that a version was in at a time (Unix ms); undefined when it didn't exist then. */
  async stageAt(model: string, version: string, timeMs: number): Promise<StageState | undefined> {
    const read = stageChange(requireVersion(version))
    const key = await modelKeyOf(this.#db, requireModelName(model), timeMs)
    if (key === undefined) return undefined
    const [since] = await changes(this.#db, { key, kinds: ofStages, read, max: 1, timeMs })
    return since?.stage === undefined ? undefined : { stage: since.stage, since }
  }

  async #requireKey(model: string): Promise<number> {
    const key = await modelKeyOf(this.#db, requireModelName(model))
    if (key === undefined)
      throw fail('resource_missing', { reason: `there never was a registered model '${excerpt(model)}'` })
    return key
  }
}

interface Wanted<T> {
  readonly key: number
  readonly kinds: string
  readonly read: Read<T>
  readonly max: number
  readonly timeMs?: number
}

/** Reads a model's events from the newest back until there are enough of those wanted. */
const changes = async <T>(queries: Queries, { key, kinds, read, max, timeMs }: Wanted<T>): Promise<T[]> => {
  const found: T[] = []
  let before = Number.MAX_SAFE_INTEGER
  for (;;) {
    const rows = await queries.query<EventRow>(
      `SELECT ${eventColumns} FROM registry_events WHERE subject = ? AND sequence < ? AND time <= ? AND ${kinds} ORDER BY sequence DESC LIMIT ?`,
      [String(key), before, timeMs ?? Number.MAX_SAFE_INTEGER, batch],
    )
    for (const row of rows) {
      const change = read(readEvent(row))
      if (change !== undefined) found.push(change)
      if (found.length === max) return found
    }
    const last = rows.at(-1)
    if (last === undefined || rows.length < batch) return found
    before = last.sequence
  }
}

const numberIn = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)
const textIn = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

const changeOf = ({ sequence, time, actor, details }: RegistryEvent): Change => ({
  sequence,
  time,
  actor,
  reason: textIn(details['reason']),
})

const aliasChange =
  (alias: string): Read<AliasChange> =>
  (event) => {
    const { kind, details } = event
    if (details['alias'] !== alias) return undefined
    const isSet = kind === 'model_version_alias.created'
    return {
      ...changeOf(event),
      alias,
      version: isSet ? numberIn(details['version']) : undefined,
      versionBefore: numberIn(isSet ? details['versionBefore'] : details['version']),
      cause: textIn(details['cause']),
      checked: details['checked'] as readonly EndpointChecks[] | undefined,
    }
  }

const refusedMove =
  (alias: string): Read<RefusedMove> =>
  (event) => {
    const { target, reasons, version } = event.details as {
      readonly target?: { readonly alias?: unknown }
      readonly reasons?: readonly string[]
      readonly version?: unknown
    }
    if (target?.alias !== alias) return undefined
    return { ...changeOf(event), version: numberIn(version), refused: reasons ?? [] }
  }

const stageChange =
  (version: number): Read<StageChange> =>
  (event) => {
    const { kind, details } = event
    if (kind !== 'registered_model.deleted' && details['version'] !== version) return undefined
    const base = { ...changeOf(event), archivedBy: numberIn(details['archivedBy']), stageBefore: undefined }
    if (kind === 'model_version.created') return { ...base, stage: 'None' }
    if (kind !== 'model_version.stage_changed') return { ...base, stage: undefined }
    const stageBefore = textIn(details['stageBefore']) as Stage | undefined
    return { ...base, stage: textIn(details['stage']) as Stage | undefined, stageBefore }
  }

/** Deletions don't say what stage they ended; and a model's deletion is no news of a version that was gone already. */
const withStagesBefore = (found: readonly StageChange[]): StageChange[] =>
  found.flatMap((change, index) => {
    if (change.stage !== undefined) return [change]
    const stageBefore = found[index + 1]?.stage
    return stageBefore === undefined ? [] : [{ ...change, stageBefore }]
  })
