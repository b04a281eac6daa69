import { fail } from '../../protocol/index.ts'
import { excerpt } from '../limits.ts'

/** What webhooks can be told of, by MLflow's names. */
export const webhookEvents = [
  'registered_model.created',
  'model_version.created',
  'model_version_tag.set',
  'model_version_tag.deleted',
  'model_version_alias.created',
  'model_version_alias.deleted',
  'prompt.created',
  'prompt_version.created',
  'prompt_tag.set',
  'prompt_tag.deleted',
  'prompt_version_tag.set',
  'prompt_version_tag.deleted',
  'prompt_alias.created',
  'prompt_alias.deleted',
] as const
export type WebhookEvent = (typeof webhookEvents)[number]

export const webhookStatuses = ['ACTIVE', 'DISABLED'] as const
export type WebhookStatus = (typeof webhookStatuses)[number]

export interface Webhook {
  readonly webhookId: string
  readonly name: string
  readonly url: string
  readonly description: string
  readonly events: readonly WebhookEvent[]
  readonly status: WebhookStatus
  readonly creationTime: number
  readonly lastUpdatedTime: number
  /** Whether requests are signed. The secret itself is never told. */
  readonly isSigned: boolean
}

export interface NewWebhook {
  readonly name: string
  readonly url: string
  readonly events: readonly string[]
  readonly description?: string | undefined
  /** Signs what is sent. */
  readonly secret?: string | undefined
  readonly status?: WebhookStatus | undefined
}

/** What is left out stays; an empty secret takes the signature away. */
export type WebhookChange = { readonly [Field in keyof NewWebhook]?: NewWebhook[Field] | undefined }

const refuse = (reason: string): Error => fail('invalid_parameter', { reason })

export const requireWebhookName = (name: string): string => {
  if (/^(?=.{1,63}$)[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/i.test(name)) return name
  throw refuse(
    `Webhook name '${excerpt(name)}' is invalid. It must start and end with a letter or digit, be less than 63 characters long, and contain only letters, digits, dots (.), underscores (_), and hyphens (-).`,
  )
}

/** Reads `ENTITY.ACTION`. */
export const requireWebhookEvent = (text: string): WebhookEvent => {
  const found = webhookEvents.find((event) => event === text)
  if (found !== undefined) return found
  const [entity = '', action = ''] = text.split('.')
  const actions = webhookEvents.filter((event) => event.startsWith(`${entity}.`)).map((event) => event.split('.')[1])
  if (actions.length === 0)
    throw refuse(`Invalid webhook event '${excerpt(text)}'. Known are: ${webhookEvents.join(', ')}`)
  const valid = actions.map((each) => `'${each}'`).join(', ')
  throw refuse(`Invalid action '${excerpt(action)}' for entity '${entity}'. Valid actions are: [${valid}]`)
}

/** The events of a webhook, each once; there is at least one. */
export const requireWebhookEvents = (texts: readonly string[]): readonly WebhookEvent[] => {
  if (texts.length === 0) throw refuse('Webhook events must be a non-empty list of WebhookEvent objects: [].')
  return [...new Set(texts.map(requireWebhookEvent))]
}
