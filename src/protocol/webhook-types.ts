import type { Done, Page, Reasoned } from './common-types.ts'

/** What operations on webhooks take and give. Times are Unix ms. */

export type WebhookStatusName = 'ACTIVE' | 'DISABLED'

export interface WebhookView {
  readonly webhookId: string
  readonly name: string
  readonly url: string
  readonly description: string
  /** `registered_model.created` and the like. */
  readonly events: readonly string[]
  readonly status: WebhookStatusName
  readonly creationTime: number
  readonly lastUpdatedTime: number
  /** Whether it has a secret, which is never told. */
  readonly isSigned: boolean
}

export type DeliveryStatusName = 'pending' | 'delivered' | 'failed'

/** What became of telling a webhook of an event. */
export interface DeliveryView {
  /** As the receiver was told it; the same through every attempt and replay. */
  readonly deliveryId: string
  readonly webhookId: string
  readonly event: string
  readonly status: DeliveryStatusName
  readonly attempts: number
  readonly createdTime: number
  readonly dueTime?: number | undefined
  /** Of the last attempt, as all that follows. */
  readonly attemptTime?: number | undefined
  readonly durationMs?: number | undefined
  readonly responseStatus?: number | undefined
  readonly responseBody?: string | undefined
  readonly error?: string | undefined
}

export interface WebhookTestView {
  readonly success: boolean
  readonly responseStatus?: number | undefined
  readonly responseBody?: string | undefined
  readonly error?: string | undefined
}

export interface WebhookFields {
  readonly name: string
  readonly url: string
  readonly events: readonly string[]
  readonly description?: string
  /** Signs what is sent; an empty one takes the signature away. */
  readonly secret?: string
  readonly status?: WebhookStatusName
}

export interface OfWebhook {
  readonly webhookId: string
}

export interface WebhookApi {
  'webhooks.list': { input: { readonly limit?: number; readonly pageToken?: string }; output: Page<WebhookView> }
  'webhooks.create': { input: WebhookFields; output: WebhookView }
  'webhooks.get': { input: OfWebhook; output: WebhookView }
  'webhooks.update': { input: OfWebhook & Partial<WebhookFields>; output: WebhookView }
  'webhooks.delete': { input: OfWebhook & Reasoned; output: Done }
  'webhooks.test': { input: OfWebhook & { readonly event?: string }; output: WebhookTestView }
  'webhooks.deliveries': {
    input: OfWebhook & {
      readonly status?: DeliveryStatusName
      readonly limit?: number
      readonly pageToken?: string
    }
    output: Page<DeliveryView>
  }
  'webhooks.replay': { input: OfWebhook & { readonly deliveryId: string }; output: DeliveryView }
}
