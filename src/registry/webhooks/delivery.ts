import type { Random } from '../../lib/index.ts'
import { backoffMs } from '../../lib/index.ts'
import type { WebhookEvent } from './webhook.ts'

export type DeliveryStatus = 'pending' | 'delivered' | 'failed'

/** What became of telling a webhook of an event. */
export interface Delivery {
  /** Stays the same through every attempt and replay. */
  readonly deliveryId: string
  readonly webhookId: string
  readonly event: WebhookEvent
  readonly status: DeliveryStatus
  /** Since it was made, or last replayed. */
  readonly attempts: number
  readonly createdTime: number
  /** When the next attempt is due. */
  readonly dueTime: number | undefined
  /** Of the last attempt. */
  readonly attemptTime: number | undefined
  readonly durationMs: number | undefined
  readonly responseStatus: number | undefined
  readonly responseBody: string | undefined
  readonly error: string | undefined
}

/** What came of one attempt. */
export interface Attempt {
  readonly responseStatus?: number
  readonly responseBody?: string
  /** Why it doesn't count as delivered. */
  readonly error?: string
  /** Whether another attempt could help. */
  readonly mayRetry: boolean
  /** As the receiver asked for. */
  readonly retryAfterMs?: number | undefined
  /** It was broken off, and counts for nothing. */
  readonly isAborted?: boolean
}

export type NextStep =
  | { readonly status: 'delivered' | 'failed' }
  | { readonly status: 'pending'; readonly dueTime: number }

const retry = { firstMs: 1000, maxMs: 3_600_000 }
/** Attempts end after a day: an outage of a night is survived, and receivers don't hear of things long past. */
const givenUpMs = 24 * 3_600_000
/** Receivers that ask for a longer pause are asked again earlier. */
const retryAfterMsMax = 3_600_000

/** What follows an attempt; `attempts` counts it. */
export const afterAttempt = (
  attempt: Attempt,
  { attempts, sinceTime }: { readonly attempts: number; readonly sinceTime: number },
  { nowMs, random }: { readonly nowMs: number; readonly random: Random },
): NextStep => {
  if (attempt.isAborted === true) return { status: 'pending', dueTime: nowMs }
  if (attempt.error === undefined) return { status: 'delivered' }
  if (!attempt.mayRetry) return { status: 'failed' }
  const askedMs = Math.min(attempt.retryAfterMs ?? 0, retryAfterMsMax)
  const dueTime = nowMs + Math.max(askedMs, backoffMs(attempts - 1, retry, random))
  return dueTime - sinceTime > givenUpMs ? { status: 'failed' } : { status: 'pending', dueTime }
}

/** The first thing that waits for a webhook. */
export interface Head {
  readonly webhookKey: number
  readonly dueTime: number
  /** Another sends for this webhook until then at the latest; 0 for nobody. */
  readonly turnUntil: number
}

export interface Round {
  readonly claim: readonly Head[]
  /** When to look again, at the latest; undefined when nothing is known to wait. */
  readonly nextTime: number | undefined
}

/** What is due: the longest waiting first, one of each webhook, so that receivers hear of events in their order. */
export const planRound = (heads: readonly Head[], { nowMs, room }: { nowMs: number; room: number }): Round => {
  const startOf = (head: Head): number => Math.max(head.dueTime, head.turnUntil)
  const due = heads.filter((head) => startOf(head) <= nowMs)
  const later = heads.filter((head) => startOf(head) > nowMs).map(startOf)
  return {
    claim: due.toSorted((a, b) => a.dueTime - b.dueTime || a.webhookKey - b.webhookKey).slice(0, Math.max(0, room)),
    nextTime: later.length === 0 ? undefined : Math.min(...later),
  }
}
