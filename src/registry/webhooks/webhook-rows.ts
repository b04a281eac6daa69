import type { Queries, SqlValue } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import { excerpt } from '../limits.ts'
import type { Webhook, WebhookEvent, WebhookStatus } from './webhook.ts'

export interface WebhookRow extends Readonly<Record<string, SqlValue>> {
  readonly webhook_key: number
  readonly webhook_id: string
  readonly name: string
  readonly url: string
  readonly description: string
  readonly events: string
  readonly secret: string | null
  readonly status: string
  readonly creation_time: number
  readonly last_updated_time: number
}

export const webhookColumns =
  'webhook_key, webhook_id, name, url, description, events, secret, status, creation_time, last_updated_time'

export const requireWebhookRow = async (queries: Queries, webhookId: string): Promise<WebhookRow> => {
  const [row] = await queries.query<WebhookRow>(`SELECT ${webhookColumns} FROM webhooks WHERE webhook_id = ?`, [
    webhookId,
  ])
  if (row === undefined) throw fail('resource_missing', { reason: `Webhook with ID ${excerpt(webhookId)} not found.` })
  return row
}

export const webhookOf = (row: WebhookRow): Webhook => ({
  webhookId: row.webhook_id,
  name: row.name,
  url: row.url,
  description: row.description,
  events: JSON.parse(row.events) as WebhookEvent[],
  status: row.status as WebhookStatus,
  creationTime: row.creation_time,
  lastUpdatedTime: row.last_updated_time,
  isSigned: row.secret !== null,
})
