import type { Clock } from '../lib/index.ts'
import type { Queries } from '../ports/index.ts'

export type EventKind =
  | 'registered_model.created'
  | 'registered_model.renamed'
  | 'registered_model.updated'
  | 'registered_model.deleted'
  | 'registered_model_tag.set'
  | 'registered_model_tag.deleted'
  | 'model_version.created'
  | 'model_version.updated'
  | 'model_version.deleted'
  | 'model_version.stage_changed'
  | 'model_version_tag.set'
  | 'model_version_tag.deleted'
  | 'model_version_alias.created'
  | 'model_version_alias.deleted'

/** Who does something, and why where they say so. */
export interface Actor {
  readonly name: string
  readonly reason?: string | undefined
}

export interface RegistryEvent {
  readonly sequence: number
  /** Unix ms. */
  readonly time: number
  readonly actor: string
  readonly kind: EventKind
  /** What it happened to: the model's key in the database, which stays when the model is renamed. */
  readonly subject: string
  readonly details: Readonly<Record<string, unknown>>
}

interface EventRow extends Readonly<Record<string, string | number>> {
  readonly sequence: number
  readonly time: number
  readonly actor: string
  readonly kind: string
  readonly subject: string
  readonly details: string
}

/** Everything that happened to registered models, in order. It is written in the transaction of what it tells of. */
export class EventLog {
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async append(
    tx: Queries,
    event: { kind: EventKind; subject: string; actor: Actor; details: Readonly<Record<string, unknown>> },
  ): Promise<void> {
    const { kind, subject, actor } = event
    const details = actor.reason === undefined ? event.details : { ...event.details, reason: actor.reason }
    await tx.query('INSERT INTO registry_events (time, actor, kind, subject, details) VALUES (?, ?, ?, ?, ?)', [
      this.#clock.wallMs(),
      actor.name,
      kind,
      subject,
      JSON.stringify(details),
    ])
  }

  /** Events of a subject, newest first. */
  async list(
    queries: Queries,
    subject: string,
    { before, limit }: { before?: number | undefined; limit: number },
  ): Promise<RegistryEvent[]> {
    const rows = await queries.query<EventRow>(
      'SELECT sequence, time, actor, kind, subject, details FROM registry_events WHERE subject = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?',
      [subject, before ?? Number.MAX_SAFE_INTEGER, limit],
    )
    return rows.map((row) => ({
      sequence: row.sequence,
      time: row.time,
      actor: row.actor,
      kind: row.kind as EventKind,
      subject: row.subject,
      details: JSON.parse(row.details) as Record<string, unknown>,
    }))
  }
}
