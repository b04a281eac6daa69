import type { Webhook, WebhookStatus } from '../../registry/index.ts'
import { webhookEvents, webhookStatuses } from '../../registry/index.ts'
import type { Endpoint } from './endpoint.ts'
import { endpoint } from './endpoint.ts'
import type { Values } from './fields.ts'
import { integer, items, object, oneOf, required, text, textOr } from './fields.ts'

const namesOf = (part: 0 | 1): readonly string[] => [
  ...new Set(webhookEvents.map((event) => (event.split('.')[part] ?? '').toUpperCase())),
]

/** The protocol's enums travel by name, in capitals. */
const eventFields = { entity: required(oneOf(namesOf(0))), action: required(oneOf(namesOf(1))) }

const eventName = ({ entity, action }: Values<typeof eventFields>): string =>
  `${entity.toLowerCase()}.${action.toLowerCase()}`

const eventView = (event: string): object => {
  const [entity = '', action = ''] = event.split('.')
  return { entity: entity.toUpperCase(), action: action.toUpperCase() }
}

const webhookView = (webhook: Webhook): object => ({
  webhook_id: webhook.webhookId,
  name: webhook.name,
  ...(webhook.description === '' ? {} : { description: webhook.description }),
  url: webhook.url,
  events: webhook.events.map(eventView),
  status: webhook.status,
  creation_timestamp: webhook.creationTime,
  last_updated_timestamp: webhook.lastUpdatedTime,
})

const status = oneOf<WebhookStatus>(webhookStatuses)
const one = { webhook_id: required(text) }
/** Empty is as if it weren't there. */
const given = (value: string | undefined): string | undefined => (value === '' ? undefined : value)

/** MLflow's webhooks: who is told of what happens in the registry. */
export const webhookEndpoints: readonly Endpoint[] = [
  endpoint({
    method: 'POST',
    path: 'webhooks',
    needs: 'registry.write',
    doc: 'Creates a webhook.',
    input: {
      name: required(text),
      url: required(text),
      events: required(items(eventFields)),
      description: textOr(''),
      secret: textOr(''),
      status,
    },
    async run({ registry, actor }, input) {
      const { name, url, description, secret } = input
      const events = input.events.map(eventName)
      const made = await registry.webhooks.create(
        { name, url, events, description, secret, status: input.status },
        actor,
      )
      return { webhook: webhookView(made) }
    },
  }),
  endpoint({
    method: 'GET',
    path: 'webhooks',
    needs: 'registry.read',
    doc: 'Lists webhooks, the newest first.',
    input: { max_results: integer, page_token: text },
    async run({ registry }, input) {
      const limit = input.max_results === 0 ? undefined : input.max_results
      const page = await registry.webhooks.list({ limit, pageToken: input.page_token })
      return {
        ...(page.items.length === 0 ? {} : { webhooks: page.items.map(webhookView) }),
        ...(page.nextPageToken === undefined ? {} : { next_page_token: page.nextPageToken }),
      }
    },
  }),
  endpoint({
    method: 'GET',
    path: 'webhooks/{webhook_id}',
    needs: 'registry.read',
    doc: 'One webhook.',
    input: one,
    async run({ registry }, input) {
      return { webhook: webhookView(await registry.webhooks.require(input.webhook_id)) }
    },
  }),
  endpoint({
    method: 'PATCH',
    path: 'webhooks/{webhook_id}',
    needs: 'registry.write',
    doc: 'Changes a webhook.',
    input: { ...one, name: text, url: text, events: items(eventFields), description: text, secret: text, status },
    async run({ registry, actor }, input) {
      const events = input.events.length === 0 ? undefined : input.events.map(eventName)
      const { description, secret } = input
      const changed = await registry.webhooks.update(
        input.webhook_id,
        { name: given(input.name), url: given(input.url), events, description, secret, status: input.status },
        actor,
      )
      return { webhook: webhookView(changed) }
    },
  }),
  endpoint({
    method: 'DELETE',
    path: 'webhooks/{webhook_id}',
    needs: 'registry.write',
    doc: 'Deletes a webhook.',
    input: one,
    async run({ registry, actor }, input) {
      await registry.webhooks.delete(input.webhook_id, actor)
      return {}
    },
  }),
  endpoint({
    method: 'POST',
    path: 'webhooks/{webhook_id}/test',
    needs: 'registry.write',
    doc: 'Sends an example to a webhook.',
    input: { ...one, event: object(eventFields) },
    async run({ registry }, input) {
      const { event } = input
      const attempt = await registry.webhooks.test(input.webhook_id, event === undefined ? undefined : eventName(event))
      return {
        result: {
          success: attempt.error === undefined,
          ...(attempt.responseStatus === undefined ? {} : { response_status: attempt.responseStatus }),
          ...(attempt.responseBody === undefined ? {} : { response_body: attempt.responseBody }),
          ...(attempt.error === undefined ? {} : { error_message: attempt.error }),
        },
      }
    },
  }),
]
