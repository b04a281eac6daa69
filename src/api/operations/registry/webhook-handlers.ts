import type { Handlers } from './handler.ts'
import { pageItems } from './handler.ts'
import { pageView } from './registry-views.ts'

export const webhookHandlers: Handlers<'webhooks'> = {
  'webhooks.list': async ({ limit = pageItems, pageToken }, { registry }) =>
    pageView(await registry.webhooks.list({ limit, pageToken }), (webhook) => webhook),
  'webhooks.create': (webhook, { registry, actor }) => registry.webhooks.create(webhook, actor),
  'webhooks.get': ({ webhookId }, { registry }) => registry.webhooks.require(webhookId),
  'webhooks.update': ({ webhookId, ...change }, { registry, actor }) =>
    registry.webhooks.update(webhookId, change, actor),
  async 'webhooks.delete'({ webhookId }, { registry, actor }) {
    await registry.webhooks.delete(webhookId, actor)
    return {}
  },
  async 'webhooks.test'({ webhookId, event }, { registry }) {
    const { responseStatus, responseBody, error } = await registry.webhooks.test(webhookId, event)
    return { success: error === undefined, responseStatus, responseBody, error }
  },
  'webhooks.deliveries': async ({ webhookId, limit = pageItems, ...query }, { registry }) =>
    pageView(await registry.deliveries.list(webhookId, { ...query, limit }), (delivery) => delivery),
  'webhooks.replay': ({ webhookId, deliveryId }, { registry }) => registry.deliveries.replay(webhookId, deliveryId),
}
