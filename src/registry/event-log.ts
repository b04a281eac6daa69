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

/** Everything that happened to what is tracked and registered, in order. It is written in the transaction of what it tells of. */
export class EventLog {
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async append(tx: Queries, event: NewEvent): Promise<void> {
    await tx.query(insertEvent, this.#row(event))
  }

  /** Many events at once, in their order. */
  async appendAll(tx: Queries, events: readonly NewEvent[]): Promise<void> {
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
