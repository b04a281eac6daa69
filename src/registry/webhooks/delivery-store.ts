import type { Clock, Random } from '../../lib/index.ts'
import type { Database, Queries, SqlValue } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import type { EventRow } from '../event-log.ts'
import { excerpt } from '../limits.ts'
import { decodePageToken, encodePageToken, wholeSlot } from '../search/page-token.ts'
import type { Attempt, Delivery, DeliveryStatus, Head, NextStep } from './delivery.ts'
import { afterAttempt } from './delivery.ts'
import type { WebhookEvent } from './webhook.ts'
import { requireWebhookRow } from './webhook-rows.ts'

export interface DeliveryStoreDeps {
  readonly db: Database
  readonly clock: Clock
  readonly random: Random
  newId(): string
  /** Called when something is due that wasn't. */
  onDue(): void
}

/** A delivery that is this process' to send. */
export interface Claim {
  readonly webhookKey: number
  readonly webhookId: string
  readonly url: string
  /** Encrypted; null where requests aren't signed. */
  readonly secret: string | null
  readonly deliveryKey: number
  readonly deliveryId: string
  readonly event: WebhookEvent
  /** This one included. */
  readonly attempts: number
  readonly sinceTime: number
  /** What happened. */
  readonly time: number
  readonly details: Readonly<Record<string, unknown>>
  /** Proves that it is still ours. */
  readonly token: string
}

export interface DeliveryQuery {
  readonly status?: DeliveryStatus | undefined
  /** 1 to 1000. */
  readonly limit: number
  readonly pageToken?: string | undefined
}

export interface DeliveryPage {
  readonly items: readonly Delivery[]
  readonly nextPageToken: string | undefined
}

/** How long a claim holds unless it is renewed: what a process that was killed holds is free so much later. */
export const claimMs = 10_000
/** A webhook's log: so many deliveries that are done with, the newest. */
const loggedMax = 1000
/** And so many that wait; the oldest give way, since a receiver that is away for so much has to catch up by reading. */
const pendingMax = 10_000
const limitMax = 1000

const slots = [wholeSlot] as const

/** Deliveries: those that wait and, for a while, those that were. */
export class DeliveryStore {
  readonly #deps: DeliveryStoreDeps

  constructor(deps: DeliveryStoreDeps) {
    this.#deps = deps
  }

  /** What each active webhook waits for first. */
  async heads(): Promise<readonly Head[]> {
    const rows = await this.#deps.db.query<{ webhook_key: number; due_time: number; until_time: number }>(
      `SELECT webhook_key, due_time, until_time FROM (
         SELECT w.webhook_key, t.until_time, (
           SELECT MIN(d.due_time) FROM webhook_deliveries d WHERE d.webhook_key = w.webhook_key AND d.status = 'pending'
         ) AS due_time
         FROM webhooks w JOIN webhook_turns t ON t.webhook_key = w.webhook_key WHERE w.status = 'ACTIVE'
       ) heads WHERE due_time IS NOT NULL`,
    )
    return rows.map((row) => ({ webhookKey: row.webhook_key, dueTime: row.due_time, turnUntil: row.until_time }))
  }

  /**
   * Claims what a webhook waits for first. Undefined when another process was quicker, or nothing is due. Clocks of
   * processes that differ by more than the claim's time may send a delivery twice, which receivers can tell by its id.
   */
  async claim(webhookKey: number): Promise<Claim | undefined> {
    const { db, clock, newId } = this.#deps
    const token = newId()
    return db.transact(async (tx) => {
      const nowMs = clock.wallMs()
      const [head] = await tx.query<{ delivery_key: number }>(
        `SELECT d.delivery_key FROM webhook_deliveries d JOIN webhook_turns t ON t.webhook_key = d.webhook_key
         WHERE d.webhook_key = ? AND d.status = 'pending' AND d.due_time <= ? AND t.until_time <= ?
         ORDER BY d.due_time, d.delivery_key LIMIT 1`,
        [webhookKey, nowMs, nowMs],
      )
      if (head === undefined) return undefined
      await tx.query('UPDATE webhook_turns SET token = ?, until_time = ? WHERE webhook_key = ?', [
        token,
        nowMs + claimMs,
        webhookKey,
      ])
      await tx.query('UPDATE webhook_deliveries SET attempts = attempts + 1 WHERE delivery_key = ?', [
        head.delivery_key,
      ])
      return readClaim(tx, head.delivery_key, token)
    })
  }

  /** Keeps a claim for longer. False when it is lost. */
  async renew({ webhookKey, token }: Claim): Promise<boolean> {
    const { db, clock } = this.#deps
    const rows = await db.query(
      'UPDATE webhook_turns SET until_time = ? WHERE webhook_key = ? AND token = ? RETURNING webhook_key',
      [clock.wallMs() + claimMs, webhookKey, token],
    )
    return rows.length > 0
  }

  /** Writes down what came of an attempt, and ends the claim. Undefined when the claim was lost: it is another's to tell. */
  async finish(claim: Claim, attempt: Attempt, durationMs: number): Promise<NextStep | undefined> {
    const { db, clock, random } = this.#deps
    return db.transact(async (tx) => {
      const turns = await tx.query(
        `UPDATE webhook_turns SET token = '', until_time = 0 WHERE webhook_key = ? AND token = ? RETURNING webhook_key`,
        [claim.webhookKey, claim.token],
      )
      if (turns.length === 0) return undefined
      const nowMs = clock.wallMs()
      const next = afterAttempt(attempt, claim, { nowMs, random })
      await tx.query(
        `UPDATE webhook_deliveries SET status = ?, due_time = ?, attempts = ?, attempt_time = ?, duration_ms = ?,
           response_status = ?, response_body = ?, error = ? WHERE delivery_key = ?`,
        [
          next.status,
          next.status === 'pending' ? next.dueTime : nowMs,
          attempt.isAborted === true ? claim.attempts - 1 : claim.attempts,
          nowMs,
          Math.round(durationMs),
          attempt.responseStatus ?? null,
          attempt.responseBody ?? null,
          attempt.error ?? null,
          claim.deliveryKey,
        ],
      )
      await tidy(tx, claim.webhookKey)
      return next
    })
  }

  /** A page of a webhook's deliveries, the newest first. */
  async list(webhookId: string, query: DeliveryQuery): Promise<DeliveryPage> {
    const { db } = this.#deps
    const { status, limit, pageToken } = query
    if (limit > limitMax || limit < 1)
      throw fail('invalid_parameter', { reason: `limit is 1 to ${limitMax}, got ${limit}` })
    const { webhook_key: key } = await requireWebhookRow(db, webhookId)
    const binding = JSON.stringify(['deliveries', webhookId, status ?? null])
    const terms = ['d.webhook_key = ?']
    const args: SqlValue[] = [key]
    if (status !== undefined) {
      terms.push('d.status = ?')
      args.push(status)
    }
    if (pageToken !== undefined && pageToken !== '') {
      terms.push('d.delivery_key < ?')
      args.push(decodePageToken(pageToken, slots, binding)[0] ?? null)
    }
    const rows = await db.query<DeliveryRow>(
      `SELECT ${deliveryColumns} FROM webhook_deliveries d WHERE ${terms.join(' AND ')} ORDER BY d.delivery_key DESC LIMIT ?`,
      [...args, limit + 1],
    )
    const page = rows.slice(0, limit)
    const last = page.at(-1)
    return {
      items: page.map((row) => deliveryOf(row, webhookId)),
      nextPageToken:
        rows.length > limit && last !== undefined ? encodePageToken([last.delivery_key], binding) : undefined,
    }
  }

  /** Makes a delivery due now, as if it were new; its id stays, so that receivers can tell that they know it. */
  async replay(webhookId: string, deliveryId: string): Promise<Delivery> {
    const { db, clock, onDue } = this.#deps
    const replayed = await db.transact(async (tx) => {
      const { webhook_key: key } = await requireWebhookRow(tx, webhookId)
      const nowMs = clock.wallMs()
      const [row] = await tx.query<DeliveryRow>(
        `UPDATE webhook_deliveries SET status = 'pending', since_time = ?, due_time = ?, attempts = 0
         WHERE webhook_key = ? AND delivery_id = ? RETURNING ${deliveryColumns.replaceAll('d.', '')}`,
        [nowMs, nowMs, key, deliveryId],
      )
      if (row === undefined)
        throw fail('resource_missing', {
          reason: `The webhook has no delivery '${excerpt(deliveryId)}', or has it no more.`,
        })
      return deliveryOf(row, webhookId)
    })
    onDue()
    return replayed
  }
}

interface DeliveryRow extends Readonly<Record<string, SqlValue>> {
  readonly delivery_key: number
  readonly delivery_id: string
  readonly event: string
  readonly status: string
  readonly attempts: number
  readonly created_time: number
  readonly due_time: number
  readonly attempt_time: number | null
  readonly duration_ms: number | null
  readonly response_status: number | null
  readonly response_body: string | null
  readonly error: string | null
}

const deliveryColumns =
  'd.delivery_key, d.delivery_id, d.event, d.status, d.attempts, d.created_time, d.due_time, d.attempt_time, d.duration_ms, d.response_status, d.response_body, d.error'

const deliveryOf = (row: DeliveryRow, webhookId: string): Delivery => ({
  deliveryId: row.delivery_id,
  webhookId,
  event: row.event as WebhookEvent,
  status: row.status as DeliveryStatus,
  attempts: row.attempts,
  createdTime: row.created_time,
  dueTime: row.status === 'pending' ? row.due_time : undefined,
  attemptTime: row.attempt_time ?? undefined,
  durationMs: row.duration_ms ?? undefined,
  responseStatus: row.response_status ?? undefined,
  responseBody: row.response_body ?? undefined,
  error: row.error ?? undefined,
})

interface ClaimRow extends Readonly<Record<string, SqlValue>> {
  readonly webhook_key: number
  readonly webhook_id: string
  readonly url: string
  readonly secret: string | null
  readonly delivery_id: string
  readonly event: string
  readonly attempts: number
  readonly since_time: number
  readonly time: EventRow['time']
  readonly details: EventRow['details']
}

const readClaim = async (tx: Queries, deliveryKey: number, token: string): Promise<Claim | undefined> => {
  const [row] = await tx.query<ClaimRow>(
    `SELECT w.webhook_key, w.webhook_id, w.url, w.secret, d.delivery_id, d.event, d.attempts, d.since_time, e.time, e.details
     FROM webhook_deliveries d JOIN webhooks w ON w.webhook_key = d.webhook_key
     JOIN registry_events e ON e.sequence = d.sequence WHERE d.delivery_key = ?`,
    [deliveryKey],
  )
  if (row === undefined) return undefined
  return {
    webhookKey: row.webhook_key,
    webhookId: row.webhook_id,
    url: row.url,
    secret: row.secret,
    deliveryKey,
    deliveryId: row.delivery_id,
    event: row.event as WebhookEvent,
    attempts: row.attempts,
    sinceTime: row.since_time,
    time: row.time,
    details: JSON.parse(row.details) as Record<string, unknown>,
    token,
  }
}

/** Keeps a webhook's deliveries within their bounds. */
const tidy = async (tx: Queries, webhookKey: number): Promise<void> => {
  await tx.query(
    `DELETE FROM webhook_deliveries WHERE webhook_key = ? AND status <> 'pending' AND delivery_key <= (
       SELECT delivery_key FROM webhook_deliveries WHERE webhook_key = ? AND status <> 'pending'
       ORDER BY delivery_key DESC LIMIT 1 OFFSET ${loggedMax})`,
    [webhookKey, webhookKey],
  )
  await tx.query(
    `UPDATE webhook_deliveries SET status = 'failed', error = 'given up: more than ${pendingMax} deliveries waited'
     WHERE webhook_key = ? AND status = 'pending' AND due_time <= (
       SELECT due_time FROM webhook_deliveries WHERE webhook_key = ? AND status = 'pending'
       ORDER BY due_time DESC LIMIT 1 OFFSET ${pendingMax})`,
    [webhookKey, webhookKey],
  )
}
