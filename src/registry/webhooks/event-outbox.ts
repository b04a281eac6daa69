import type { Database, Queries } from '../../ports/index.ts'
import type { EventKind, EventOutbox, LoggedEvent } from '../event-log.ts'
import type { Tag } from '../experiment.ts'
import { promptTag } from '../prompt.ts'
import { placeholders } from '../sql.ts'
import { uuidOf } from './uuid.ts'
import type { WebhookEvent } from './webhook.ts'

interface Names {
  /** What webhooks hear of a model or its versions; undefined where they hear of prompts alone. */
  readonly model: WebhookEvent | undefined
  readonly prompt: WebhookEvent
}

/** The names under which webhooks are told of an event. */
const namesOf = new Map<EventKind, Names>([
  ['registered_model.created', { model: 'registered_model.created', prompt: 'prompt.created' }],
  ['registered_model_tag.set', { model: undefined, prompt: 'prompt_tag.set' }],
  ['registered_model_tag.deleted', { model: undefined, prompt: 'prompt_tag.deleted' }],
  ['model_version.created', { model: 'model_version.created', prompt: 'prompt_version.created' }],
  ['model_version_tag.set', { model: 'model_version_tag.set', prompt: 'prompt_version_tag.set' }],
  ['model_version_tag.deleted', { model: 'model_version_tag.deleted', prompt: 'prompt_version_tag.deleted' }],
  ['model_version_alias.created', { model: 'model_version_alias.created', prompt: 'prompt_alias.created' }],
  ['model_version_alias.deleted', { model: 'model_version_alias.deleted', prompt: 'prompt_alias.deleted' }],
])

/**
 * Puts what webhooks are to be told into the database, in the transaction of what it tells of: a delivery is there if
 * and only if its event is.
 */
export class WebhookOutbox implements EventOutbox {
  readonly #newId: () => string
  /** Transactions that put something in. */
  readonly #filled = new WeakSet<Queries>()
  readonly #listeners: (() => void)[] = []

  constructor(newId: () => string) {
    this.#newId = newId
  }

  wants(kind: EventKind): boolean {
    return namesOf.has(kind)
  }

  async put(tx: Queries, event: LoggedEvent): Promise<void> {
    const names = namesOf.get(event.kind)
    // Why: what is imported happened elsewhere and long ago, and its thousands would stand before what happens now.
    if (names === undefined || event.details['imported'] === true) return
    const known = [names.model, names.prompt].filter((name) => name !== undefined)
    const heard = await tx.query<{ event: WebhookEvent; webhook_key: number }>(
      `SELECT e.event, e.webhook_key FROM webhook_events e JOIN webhooks w ON w.webhook_key = e.webhook_key
       WHERE e.event IN (${placeholders(known.length)}) AND w.status = 'ACTIVE' ORDER BY e.webhook_key`,
      known,
    )
    if (heard.length === 0) return
    const name = (await isOfPrompt(tx, event)) ? names.prompt : names.model
    const rows = heard.filter((row) => row.event === name)
    if (rows.length === 0) return
    await tx.executeMany(
      putDelivery,
      rows.map((row) => [
        uuidOf(this.#newId()),
        row.webhook_key,
        row.event,
        event.sequence,
        event.time,
        event.time,
        event.time,
      ]),
    )
    this.#filled.add(tx)
  }

  /** Called after every commit that put something in. */
  onFilled(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** The database, whose commits are watched. */
  watch(db: Database): Database {
    return {
      dialect: db.dialect,
      query: (sql, args) => db.query(sql, args),
      executeMany: (sql, argsOfEach) => db.executeMany(sql, argsOfEach),
      transact: async (fn) => {
        let filled = false
        const value = await db.transact(async (tx) => {
          // Why: some databases use one object for every transaction.
          this.#filled.delete(tx)
          const result = await fn(tx)
          filled = this.#filled.has(tx)
          return result
        })
        if (filled) for (const listener of this.#listeners) listener()
        return value
      },
      close: () => db.close(),
    }
  }
}

const putDelivery = `INSERT INTO webhook_deliveries
  (delivery_id, webhook_key, event, sequence, status, created_time, since_time, due_time, attempts)
  VALUES (?, ?, ?, ?, 'pending', ?, ?, ?, 0)`

/** What is created says itself whether it is a prompt; of all else, its model does. */
const isOfPrompt = async (tx: Queries, { kind, subject, details }: LoggedEvent): Promise<boolean> => {
  if (kind === 'registered_model.created' || kind === 'model_version.created') {
    const tags = (details['tags'] ?? []) as readonly Tag[]
    return tags.findLast(({ key }) => key === promptTag)?.value === 'true'
  }
  const rows = await tx.query(
    "SELECT 1 AS found FROM registered_model_tags WHERE model_key = ? AND key = ? AND value = 'true'",
    [Number(subject), promptTag],
  )
  return rows.length > 0
}
