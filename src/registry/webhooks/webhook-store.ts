import type { Clock } from '../../lib/index.ts'
import type { Database, OutboundHttp, Queries } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import type { Actor, EventKind, EventLog } from '../event-log.ts'
import { subjectText } from '../history/audit-subject.ts'
import { limits, requireLength } from '../limits.ts'
import type { SearchPage } from '../search/search-page.ts'
import { decodePageToken, encodePageToken, wholeSlot } from '../search/page-token.ts'
import type { Attempt } from './delivery.ts'
import type { AllowedReceivers } from './destination.ts'
import { parseDestination, requireReachable } from './destination.ts'
import { eventBody, exampleDetails } from './event-body.ts'
import type { SecretBox } from './secret-box.ts'
import { uuidOf } from './uuid.ts'
import type { NewWebhook, Webhook, WebhookChange, WebhookEvent } from './webhook.ts'
import { requireWebhookEvent, requireWebhookEvents, requireWebhookName } from './webhook.ts'
import type { WebhookRow } from './webhook-rows.ts'
import { requireWebhookRow, webhookColumns, webhookOf } from './webhook-rows.ts'
import type { WebhookSender } from './webhook-sender.ts'

export interface WebhookStoreDeps {
  readonly db: Database
  readonly clock: Clock
  readonly events: EventLog
  readonly outbound: OutboundHttp
  readonly allowed: AllowedReceivers
  readonly secrets: SecretBox
  readonly sender: WebhookSender
  newId(): string
}

/** Each is looked at whenever something is sent, so that there can't be any number of them. */
const webhooksMax = 1000
const secretLengthMax = 1000
const limitMax = 1000
/** Most tests under way: each may hold a connection for as long as its receiver likes. */
const testsMax = 10

const slots = [wholeSlot, wholeSlot] as const
const binding = 'webhooks'

/** Who is told of what happens to models. Their secrets are kept encrypted and never given out. */
export class WebhookStore {
  readonly #deps: WebhookStoreDeps
  #tests = 0

  constructor(deps: WebhookStoreDeps) {
    this.#deps = deps
  }

  /** Fails with `invalid_parameter` when the URL leads to where requests may not be sent. */
  async create(webhook: NewWebhook, actor: Actor): Promise<Webhook> {
    const { db, clock, newId } = this.#deps
    requireWebhookName(webhook.name)
    await this.#requireUrl(webhook.url)
    const events = requireWebhookEvents(webhook.events)
    const description = requireLength('Description', webhook.description ?? '', limits.description)
    const webhookId = uuidOf(newId())
    const secret = await this.#sealed(webhook.secret, webhookId)
    return db.transact(async (tx) => {
      const [count] = await tx.query<{ count: number }>('SELECT COUNT(*) AS count FROM webhooks')
      if ((count?.count ?? 0) >= webhooksMax)
        throw fail('invalid_parameter', {
          reason: `There are ${webhooksMax} webhooks already, as many as there may be.`,
        })
      const nowMs = clock.wallMs()
      const { name, url, status = 'ACTIVE' } = webhook
      const [row] = await tx.query<WebhookRow>(
        `INSERT INTO webhooks (webhook_id, name, url, description, events, secret, status, creation_time, last_updated_time)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING ${webhookColumns}`,
        [webhookId, name, url, description, JSON.stringify(events), secret, status, nowMs, nowMs],
      )
      if (row === undefined) throw fail('conflict', { reason: 'the webhook was not made' })
      await tx.query(`INSERT INTO webhook_turns (webhook_key, token, until_time) VALUES (?, '', 0)`, [row.webhook_key])
      await subscribe(tx, row.webhook_key, events)
      await this.#tell(tx, 'webhook.created', { row, actor })
      return webhookOf(row)
    })
  }

  async require(webhookId: string): Promise<Webhook> {
    return webhookOf(await requireWebhookRow(this.#deps.db, webhookId))
  }

  /** The newest first. */
  async list({
    limit = 100,
    pageToken,
  }: {
    readonly limit?: number | undefined
    readonly pageToken?: string | undefined
  }): Promise<SearchPage<Webhook>> {
    if (limit < 1 || limit > limitMax)
      throw fail('invalid_parameter', { reason: `max_results must be between 1 and ${limitMax}.` })
    const [time = null, key = null] =
      pageToken === undefined || pageToken === '' ? [] : decodePageToken(pageToken, slots, binding)
    const rows = await this.#deps.db.query<WebhookRow>(
      `SELECT ${webhookColumns} FROM webhooks ${key === null ? '' : 'WHERE creation_time < ? OR (creation_time = ? AND webhook_key < ?)'}
       ORDER BY creation_time DESC, webhook_key DESC LIMIT ?`,
      key === null ? [limit + 1] : [time, time, key, limit + 1],
    )
    const page = rows.slice(0, limit)
    const last = page.at(-1)
    const hasMore = rows.length > limit && last !== undefined
    return {
      items: page.map(webhookOf),
      nextPageToken: hasMore ? encodePageToken([last.creation_time, last.webhook_key], binding) : undefined,
    }
  }

  async update(webhookId: string, change: WebhookChange, actor: Actor): Promise<Webhook> {
    const { db, clock } = this.#deps
    if (change.name !== undefined) requireWebhookName(change.name)
    if (change.url !== undefined) await this.#requireUrl(change.url)
    const events = change.events === undefined ? undefined : requireWebhookEvents(change.events)
    if (change.description !== undefined) requireLength('Description', change.description, limits.description)
    const secret = change.secret === undefined ? undefined : await this.#sealed(change.secret, webhookId)
    return db.transact(async (tx) => {
      const before = await requireWebhookRow(tx, webhookId)
      const row: WebhookRow = {
        ...before,
        name: change.name ?? before.name,
        url: change.url ?? before.url,
        description: change.description ?? before.description,
        events: events === undefined ? before.events : JSON.stringify(events),
        secret: secret === undefined ? before.secret : secret,
        status: change.status ?? before.status,
        last_updated_time: clock.wallMs(),
      }
      await tx.query(
        `UPDATE webhooks SET name = ?, url = ?, description = ?, events = ?, secret = ?, status = ?, last_updated_time = ?
         WHERE webhook_key = ?`,
        [
          row.name,
          row.url,
          row.description,
          row.events,
          row.secret,
          row.status,
          row.last_updated_time,
          row.webhook_key,
        ],
      )
      if (events !== undefined) {
        await tx.query('DELETE FROM webhook_events WHERE webhook_key = ?', [row.webhook_key])
        await subscribe(tx, row.webhook_key, events)
      }
      await this.#tell(tx, 'webhook.updated', { row, actor })
      return webhookOf(row)
    })
  }

  /** Deletes a webhook with its deliveries, also those that wait. */
  async delete(webhookId: string, actor: Actor): Promise<void> {
    await this.#deps.db.transact(async (tx) => {
      const row = await requireWebhookRow(tx, webhookId)
      await tx.query('DELETE FROM webhooks WHERE webhook_key = ?', [row.webhook_key])
      await this.#tell(tx, 'webhook.deleted', { row, actor })
    })
  }

  /** Sends an example of an event, the webhook's first when none is named, at once and once, and tells what came of it. */
  async test(webhookId: string, event?: string): Promise<Attempt> {
    const { db, clock, sender, newId } = this.#deps
    const row = await requireWebhookRow(db, webhookId)
    const tested = event === undefined ? webhookOf(row).events[0] : requireWebhookEvent(event)
    if (tested === undefined) throw fail('invalid_parameter', { reason: 'The webhook has no events.' })
    if (this.#tests >= testsMax) throw fail('server_busy', { what: `tests of webhooks (${testsMax})` })
    this.#tests++
    try {
      const body = eventBody(tested, { time: clock.wallMs(), details: exampleDetails(tested) })
      const { url, secret } = row
      return await sender.send({ webhookId, url, secret, deliveryId: uuidOf(newId()), body })
    } finally {
      this.#tests--
    }
  }

  async #requireUrl(url: string): Promise<void> {
    const { allowed, outbound } = this.#deps
    await requireReachable(parseDestination(url, allowed), allowed, (host) => outbound.resolve(host))
  }

  async #sealed(secret: string | undefined, webhookId: string): Promise<string | null> {
    if (secret === undefined || secret === '') return null
    if (secret.length > secretLengthMax)
      throw fail('invalid_parameter', { reason: `Webhook secret has more than ${secretLengthMax} characters` })
    return this.#deps.secrets.seal(secret, webhookId)
  }

  /** The path of a URL may be a secret of its receiver's, so that the log has its origin alone. */
  async #tell(
    tx: Queries,
    kind: EventKind,
    { row, actor }: { readonly row: WebhookRow; readonly actor: Actor },
  ): Promise<void> {
    const { name, status, events, isSigned, url } = webhookOf(row)
    await this.#deps.events.append(tx, {
      kind,
      subject: subjectText('webhook', row.webhook_id),
      actor,
      details: { name, status, events, isSigned, receiver: new URL(url).origin },
    })
  }
}

const subscribe = (tx: Queries, webhookKey: number, events: readonly WebhookEvent[]): Promise<void> =>
  tx.executeMany(
    'INSERT INTO webhook_events (event, webhook_key) VALUES (?, ?)',
    events.map((event) => [event, webhookKey]),
  )
