import type { Clock, Logger, Timer } from '../../lib/index.ts'
import type { Attempt } from './delivery.ts'
import { planRound } from './delivery.ts'
import type { Claim, DeliveryStore } from './delivery-store.ts'
import { claimMs } from './delivery-store.ts'
import { eventBody } from './event-body.ts'
import type { WebhookSender } from './webhook-sender.ts'

export interface DeliveryLoopDeps {
  readonly deliveries: DeliveryStore
  readonly sender: WebhookSender
  readonly clock: Clock
  readonly logger: Logger
}

/** Most requests at once: each holds a connection, and is mostly waited for. */
const sendingMax = 10
/** How long a look into the outbox holds: other processes of the same database don't tell when they put something in. */
const lookAgainMs = 2000
/** Renewed three times while it holds, a claim outlasts a renewal that fails. */
const renewMs = Math.floor(claimMs / 3)
/** What is under way at the end may come to its end in this time. */
const graceMs = 2000
/** The log keeps this much of a reply. */
const loggedCharactersMax = 1000

/**
 * Sends what the outbox holds, each delivery until its receiver took it or a day is over. What a killed process was
 * sending is sent again once its claim runs out: receivers hear of everything at least once.
 */
export class DeliveryLoop {
  readonly #deps: DeliveryLoopDeps
  /** By webhook. */
  readonly #sending = new Map<number, Promise<void>>()
  readonly #abort = new AbortController()
  #timer: Timer | undefined
  #round: Promise<void> | undefined
  #again = false
  #isStopped = true
  /** The database is away; it is told once. */
  #isAway = false

  constructor(deps: DeliveryLoopDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#isStopped = false
    this.wake()
  }

  /** Something was put in, or came to its end. */
  wake(): void {
    if (this.#isStopped) return
    if (this.#round !== undefined) {
      this.#again = true
      return
    }
    this.#timer?.cancel()
    this.#round = this.#rounds()
  }

  /** Lets what is under way come to its end for a moment, then breaks it off; it is sent again by whoever starts next. */
  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#timer?.cancel()
    await this.#round
    const grace = this.#deps.clock.setTimer(() => this.#abort.abort(), graceMs)
    await Promise.all(this.#sending.values())
    grace.cancel()
  }

  async #rounds(): Promise<void> {
    let waitMs: number
    do {
      this.#again = false
      waitMs = await this.#lookAround().catch((error: unknown) => {
        if (!this.#isAway) this.#deps.logger.warn('webhooks.outbox_unavailable', { error })
        this.#isAway = true
        return lookAgainMs
      })
    } while (this.#again && !this.#isStopped)
    this.#round = undefined
    if (!this.#isStopped) this.#timer = this.#deps.clock.setTimer(() => this.wake(), waitMs)
  }

  /** Starts what is due; gives the time until the next look. */
  async #lookAround(): Promise<number> {
    const { deliveries, clock } = this.#deps
    const heads = await deliveries.heads()
    this.#isAway = false
    const nowMs = clock.wallMs()
    const idle = heads.filter(({ webhookKey }) => !this.#sending.has(webhookKey))
    const round = planRound(idle, { nowMs, room: sendingMax - this.#sending.size })
    for (const { webhookKey } of round.claim) {
      if (this.#isStopped) break
      const claim = await deliveries.claim(webhookKey)
      if (claim === undefined) continue
      const sending = this.#deliver(claim).finally(() => {
        this.#sending.delete(webhookKey)
        this.wake()
      })
      this.#sending.set(webhookKey, sending)
    }
    return Math.max(0, Math.min(lookAgainMs, (round.nextTime ?? Infinity) - nowMs))
  }

  async #deliver(claim: Claim): Promise<void> {
    const { deliveries, clock, logger } = this.#deps
    try {
      const startMs = clock.now()
      const attempt = await this.#attempt(claim)
      const next = await deliveries.finish(claim, logged(attempt), clock.now() - startMs)
      const fields = { webhook: claim.webhookId, delivery: claim.deliveryId, event: claim.event }
      if (next?.status === 'failed')
        logger.warn('webhooks.failed', { ...fields, attempts: claim.attempts, reason: attempt.error })
      else logger.debug('webhooks.sent', { ...fields, status: next?.status, reason: attempt.error })
    } catch (error) {
      // The claim runs out, and the delivery is sent again.
      logger.warn('webhooks.outbox_unavailable', { error })
    }
  }

  /** Sends while the claim is kept. */
  async #attempt(claim: Claim): Promise<Attempt> {
    const { deliveries, sender, clock } = this.#deps
    const lost = new AbortController()
    let renewal: Timer | undefined
    let isOver = false
    const renewLater = (): void => {
      if (isOver) return
      renewal = clock.setTimer(() => {
        deliveries.renew(claim).then(
          (isOurs) => (isOurs ? renewLater() : lost.abort()),
          () => renewLater(),
        )
      }, renewMs)
    }
    renewLater()
    try {
      const { webhookId, url, secret, deliveryId, event } = claim
      const signal = AbortSignal.any([this.#abort.signal, lost.signal])
      return await sender.send({ webhookId, url, secret, deliveryId, body: eventBody(event, claim), signal })
    } finally {
      isOver = true
      renewal?.cancel()
    }
  }
}

const logged = ({ responseBody, ...attempt }: Attempt): Attempt =>
  responseBody === undefined ? attempt : { ...attempt, responseBody: responseBody.slice(0, loggedCharactersMax) }
