import { assert } from '../lib/index.ts'
import type { Clock } from '../lib/index.ts'
import type { Queries, SqlValue } from '../ports/index.ts'

export const eventKinds = [
  'registered_model.created',
  'registered_model.renamed',
  'registered_model.updated',
  'registered_model.deleted',
  'registered_model_tag.set',
  'registered_model_tag.deleted',
  'model_version.created',
  'model_version.updated',
  'model_version.deleted',
  'model_version.stage_changed',
  'model_version_tag.set',
  'model_version_tag.deleted',
  'model_version_alias.created',
  'model_version_alias.deleted',
  'model_version.signature_checked',
  'model_version.digests_verified',
  'model_version.approved',
  'model_version.rejected',
  'model_version.decision_withdrawn',
  'promotion_policy.set',
  'promotion_policy.deleted',
  'promotion.refused',
  'registration.refused',
  'experiment.created',
  'experiment.renamed',
  'experiment.deleted',
  'experiment.restored',
  'run.created',
  'run.renamed',
  'run.deleted',
  'run.restored',
  'logged_model.created',
  'logged_model.finalized',
  'logged_model.deleted',
  'artifact.deleted',
  'endpoint.created',
  'endpoint.changed',
  'endpoint.deleted',
  'run.purged',
  'logged_model.purged',
  'experiment.purged',
  'upload.purged',
  'blobs.swept',
  'webhook.created',
  'webhook.updated',
  'webhook.deleted',
] as const
export type EventKind = (typeof eventKinds)[number]

/** Who does something, and why where they say so. */
export interface Actor {
  readonly name: string
  readonly reason?: string | undefined
  /** What brings it about, where it isn't done for itself, for example `rollback`. */
  readonly cause?: string | undefined
}

/** Who does something when nobody says who asks. */
export const anonymous: Actor = { name: 'anonymous' }

export interface NewEvent {
  readonly kind: EventKind
  readonly subject: string
  readonly actor: Actor
  readonly details: Readonly<Record<string, unknown>>
}

export interface RegistryEvent {
  readonly sequence: number
  /** Unix ms. */
  readonly time: number
  readonly actor: string
  readonly kind: EventKind
  /** What it happened to: a model's key in the database, which stays when the model is renamed, or `run:ID` and the like (see history/audit-subject.ts). */
  readonly subject: string
  readonly details: Readonly<Record<string, unknown>>
}

export interface EventRow extends Readonly<Record<string, string | number>> {
  readonly sequence: number
  readonly time: number
  readonly actor: string
  readonly kind: string
  readonly subject: string
  readonly details: string
}

/** An event with its place in the log. */
export interface LoggedEvent {
  readonly sequence: number
  readonly time: number
  readonly kind: EventKind
  readonly subject: string
  readonly details: Readonly<Record<string, unknown>>
}

/** Who is to hear of events as they are written. */
export interface EventOutbox {
  wants(kind: EventKind): boolean
  /** Called in the transaction of the event. */
  put(tx: Queries, event: LoggedEvent): Promise<void>
}

/** Everything that happened to what is tracked and registered, in order. It is written in the transaction of what it tells of. */
export class EventLog {
  readonly #clock: Clock
  readonly #outbox: EventOutbox | undefined

  constructor(clock: Clock, outbox?: EventOutbox) {
    this.#clock = clock
    this.#outbox = outbox
  }

  async append(tx: Queries, event: NewEvent): Promise<void> {
    const row = this.#row(event)
    if (this.#outbox?.wants(event.kind) !== true) {
      await tx.query(insertEvent, row)
      return
    }
    const [logged] = await tx.query<{ sequence: number; time: number }>(`${insertEvent} RETURNING sequence, time`, row)
    assert(logged !== undefined, 'the database gives what it inserted')
    await this.#outbox.put(tx, { ...event, ...logged })
  }

  /** Many events at once, in their order. */
  async appendAll(tx: Queries, events: readonly NewEvent[]): Promise<void> {
    if (events.some(({ kind }) => this.#outbox?.wants(kind) === true)) {
      for (const event of events) await this.append(tx, event)
      return
    }
    await tx.executeMany(
      insertEvent,
      events.map((event) => this.#row(event)),
    )
  }

  #row({ kind, subject, actor, details }: NewEvent): SqlValue[] {
    const { reason, cause } = actor
    const told = { ...details, ...(reason !== undefined && { reason }), ...(cause !== undefined && { cause }) }
    return [this.#clock.wallMs(), actor.name, kind, subject, JSON.stringify(told)]
  }
}

const insertEvent = 'INSERT INTO registry_events (time, actor, kind, subject, details) VALUES (?, ?, ?, ?, ?)'

export const eventColumns = 'sequence, time, actor, kind, subject, details'

export const readEvent = (row: EventRow): RegistryEvent => ({
  sequence: row.sequence,
  time: row.time,
  actor: row.actor,
  kind: row.kind as EventKind,
  subject: row.subject,
  details: JSON.parse(row.details) as Record<string, unknown>,
})
