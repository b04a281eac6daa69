import type { Database, SqlValue } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import type { EventKind, EventRow } from '../event-log.ts'
import { eventColumns, readEvent } from '../event-log.ts'
import { requireInteger } from '../limits.ts'
import { requireModelName } from '../model-name.ts'
import { decodePageToken, encodePageToken, wholeSlot } from '../search/page-token.ts'
import { placeholders } from '../sql.ts'
import type { AuditSubject, AuditSubjectType } from './audit-subject.ts'
import { readSubject, subjectText } from './audit-subject.ts'
import { namesakesOf } from './model-names.ts'

export interface AuditQuery {
  /** A model is taken by any name that it ever had, and so are all models that ever had the name. */
  readonly subject?: AuditSubject | undefined
  readonly kind?: EventKind | undefined
  /** Who did it, by their whole name. */
  readonly actor?: string | undefined
  /** Unix ms, both included. */
  readonly from?: number | undefined
  readonly to?: number | undefined
  /** 1 to 1000. */
  readonly limit: number
  readonly pageToken?: string | undefined
}

export interface AuditEntry {
  readonly sequence: number
  /** Unix ms. */
  readonly time: number
  readonly actor: string
  readonly kind: EventKind
  /** `id` is a model's key, which stays when the model is renamed; `name` the one that it had. */
  readonly subject: { readonly type: AuditSubjectType; readonly id: string; readonly name: string | undefined }
  /** Why, where they said so. */
  readonly reason: string | undefined
  readonly details: Readonly<Record<string, unknown>>
}

export interface AuditPage {
  readonly items: readonly AuditEntry[]
  readonly nextPageToken: string | undefined
}

const limitMax = 1000

const slots = [wholeSlot, wholeSlot] as const

/** Everything that happened, as somebody who asks afterwards sees it. Entries are never changed. */
export class AuditLog {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  /** A page of what happened, the newest first. Fails with `Invalid page token` for a token of another query. */
  async search(query: AuditQuery): Promise<AuditPage> {
    const limit = requireInteger('limit', query.limit, 1)
    if (limit > limitMax) throw fail('invalid_parameter', { reason: `limit is at most ${limitMax}, got ${limit}` })
    const { sql, args } = await this.#condition(query)
    const rows = await this.#db.query<EventRow>(
      `SELECT ${eventColumns} FROM registry_events WHERE ${sql} ORDER BY time DESC, sequence DESC LIMIT ?`,
      [...args, limit + 1],
    )
    const page = rows.slice(0, limit)
    const last = page.at(-1)
    return {
      items: page.map(entryOf),
      nextPageToken:
        rows.length > limit && last !== undefined
          ? encodePageToken([last.time, last.sequence], bindingOf(query))
          : undefined,
    }
  }

  async #condition(query: AuditQuery): Promise<{ sql: string; args: SqlValue[] }> {
    const terms: string[] = []
    const args: SqlValue[] = []
    const add = (sql: string, ...values: SqlValue[]): void => {
      terms.push(sql)
      args.push(...values)
    }
    if (query.subject !== undefined) {
      const subjects = await this.#subjects(query.subject)
      if (subjects.length === 0) return { sql: '1 = 0', args: [] }
      add(`subject IN (${placeholders(subjects.length)})`, ...subjects)
    }
    // Why: one actor may have done most of it. Text appended to a column keeps its index out, so that databases start at
    // the narrowest term: the subject, then the kind, then the actor.
    if (query.kind !== undefined) add(query.subject === undefined ? 'kind = ?' : "kind || '' = ?", query.kind)
    if (query.actor !== undefined) add(terms.length === 0 ? 'actor = ?' : "actor || '' = ?", query.actor)
    if (query.from !== undefined) add('time >= ?', requireInteger('from', query.from, 0))
    if (query.to !== undefined) add('time <= ?', requireInteger('to', query.to, 0))
    if (query.pageToken !== undefined && query.pageToken !== '') {
      const [time = null, sequence = null] = decodePageToken(query.pageToken, slots, bindingOf(query))
      // The first part alone would do no harm to the result; it is what an index can start at.
      add('time <= ? AND (time < ? OR sequence < ?)', time, time, sequence)
    }
    return { sql: terms.length === 0 ? '1 = 1' : terms.join(' AND '), args }
  }

  async #subjects(subject: AuditSubject): Promise<readonly string[]> {
    if (subject.type === 'model') {
      const keys = await namesakesOf(this.#db, requireModelName(subject.name))
      return keys.map(String)
    }
    return [subjectText(subject.type, subject.type === 'artifact' ? subject.path : subject.id)]
  }
}

/** What a page token is good for: the same query. */
const bindingOf = ({ subject, kind, actor, from, to }: AuditQuery): string =>
  JSON.stringify(['audit', subject, kind, actor, from, to].map((part) => part ?? null))

const entryOf = (row: EventRow): AuditEntry => {
  const { sequence, time, actor, kind, subject, details } = readEvent(row)
  const { reason, ...rest } = details
  return {
    sequence,
    time,
    actor,
    kind,
    subject: { ...readSubject(subject), name: typeof details['name'] === 'string' ? details['name'] : undefined },
    reason: typeof reason === 'string' ? reason : undefined,
    details: rest,
  }
}
