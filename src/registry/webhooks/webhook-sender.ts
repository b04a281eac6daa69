import { createHmac } from 'node:crypto'
import type { Clock } from '../../lib/index.ts'
import type { OutboundHttp, OutboundReply } from '../../ports/index.ts'
import { AppError } from '../../protocol/index.ts'
import type { Attempt } from './delivery.ts'
import type { AllowedReceivers, Destination } from './destination.ts'
import { mayConnect, parseDestination } from './destination.ts'
import type { SecretBox } from './secret-box.ts'

export interface WebhookSenderDeps {
  readonly clock: Clock
  readonly outbound: OutboundHttp
  readonly allowed: AllowedReceivers
  readonly secrets: SecretBox
}

export interface WebhookRequest {
  readonly webhookId: string
  readonly url: string
  /** Encrypted. */
  readonly secret: string | null
  readonly deliveryId: string
  /** JSON. */
  readonly body: string
  readonly signal?: AbortSignal
}

const timeoutMs = 30_000
const replyBytesMax = 64 * 1024

/** Signs as MLflow does: HMAC-SHA256 of `ID.TIME.BODY`, in base64 behind the name of the scheme. */
const signatureOf = (secret: string, deliveryId: string, timestamp: string, body: string): string =>
  `v1,${createHmac('sha256', secret).update(`${deliveryId}.${timestamp}.${body}`).digest('base64')}`

/** Sends one request to a webhook's receiver and says what came of it; never throws for what the receiver does. */
export class WebhookSender {
  readonly #deps: WebhookSenderDeps

  constructor(deps: WebhookSenderDeps) {
    this.#deps = deps
  }

  async send(request: WebhookRequest): Promise<Attempt> {
    const { clock, outbound, allowed } = this.#deps
    const headers: Record<string, string> = {
      'Content-Type': 'application/json',
      'User-Agent': 'slipway-webhooks',
      'X-MLflow-Delivery-Id': request.deliveryId,
      'X-MLflow-Timestamp': String(Math.floor(clock.wallMs() / 1000)),
    }
    let destination: Destination
    try {
      // Why: what is allowed may have changed since the webhook was made.
      destination = parseDestination(request.url, allowed)
      const signature = await this.#signature(request, headers['X-MLflow-Timestamp'] ?? '')
      if (signature !== undefined) headers['X-MLflow-Signature'] = signature
    } catch (error) {
      return { error: (error as Error).message, mayRetry: !(error instanceof AppError) }
    }
    const outcome = await outbound.post({
      url: destination.url,
      headers,
      body: Buffer.from(request.body),
      timeoutMs,
      replyBytesMax,
      mayConnect: mayConnect(destination, allowed),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    })
    if ('status' in outcome) return judgeReply(outcome, clock.wallMs())
    if (outcome.kind === 'aborted') return { error: outcome.reason, mayRetry: true, isAborted: true }
    return { error: outcome.reason, mayRetry: outcome.kind !== 'refused' }
  }

  async #signature({ webhookId, secret, deliveryId, body }: WebhookRequest, time: string): Promise<string | undefined> {
    if (secret === null) return undefined
    return signatureOf(await this.#deps.secrets.open(secret, webhookId), deliveryId, time, body)
  }
}

const mayRetry = (status: number): boolean => status === 408 || status === 429 || status >= 500

const judgeReply = ({ status, headers, body }: OutboundReply, nowMs: number): Attempt => {
  const reply = { responseStatus: status, responseBody: textOf(body) }
  if (status < 300) return { ...reply, mayRetry: false }
  const error =
    status < 400 ? `the receiver redirects (${status}), which is not followed` : `the receiver answered ${status}`
  return { ...reply, error, mayRetry: mayRetry(status), retryAfterMs: retryAfterMs(headers['retry-after'], nowMs) }
}

/** In seconds, or a date. */
const retryAfterMs = (value: string | undefined, nowMs: number): number | undefined => {
  if (value === undefined) return undefined
  const waitMs = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs
  return Number.isFinite(waitMs) ? waitMs : undefined
}

/** Databases take no NUL in texts. */
const textOf = (body: Uint8Array): string => new TextDecoder().decode(body).replaceAll('\0', '\ufffd')
