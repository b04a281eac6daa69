import type { Tag } from '../experiment.ts'
import { promptTag } from '../prompt.ts'
import type { WebhookEvent } from './webhook.ts'

/** What MLflow marks prompts with, beside the tags of their users. */
const promptTypeTag = '_mlflow_prompt_type'
const promptTextTag = 'mlflow.prompt.text'

type Details = Readonly<Record<string, unknown>>

const texts = (details: Details, ...names: readonly string[]): Details =>
  Object.fromEntries(names.map((name) => [name, String(details[name] ?? '')]))

const orNull = (value: unknown): unknown => (value === '' || value === undefined ? null : value)

const tagsOf = (details: Details, hidden: readonly string[] = []): Details => {
  const tags = (details['tags'] ?? []) as readonly Tag[]
  return Object.fromEntries(tags.filter(({ key }) => !hidden.includes(key)).map(({ key, value }) => [key, value]))
}

const promptTags = [promptTag, promptTypeTag]

const ofModel = (details: Details): Details => ({
  ...texts(details, 'name'),
  tags: tagsOf(details),
  description: details['description'],
})
const ofTagSet = (details: Details): Details => texts(details, 'name', 'version', 'key', 'value')
const ofTagDeleted = (details: Details): Details => texts(details, 'name', 'version', 'key')
const ofAliasCreated = (details: Details): Details => texts(details, 'name', 'alias', 'version')
const ofAliasDeleted = (details: Details): Details => texts(details, 'name', 'alias')

/** What is told of an event, made of its details in the event log, by the fields that MLflow's receivers know. */
const dataOf: Readonly<Record<WebhookEvent, (details: Details) => Details>> = {
  'registered_model.created': ofModel,
  'model_version.created': (details) => ({
    ...texts(details, 'name', 'version', 'source'),
    run_id: orNull(details['runId']),
    tags: tagsOf(details),
    description: orNull(details['description']),
  }),
  'model_version_tag.set': ofTagSet,
  'model_version_tag.deleted': ofTagDeleted,
  'model_version_alias.created': ofAliasCreated,
  'model_version_alias.deleted': ofAliasDeleted,
  'prompt.created': (details) => ({ ...ofModel(details), tags: tagsOf(details, promptTags) }),
  'prompt_version.created': (details) => ({
    ...texts(details, 'name', 'version'),
    template: tagsOf(details)[promptTextTag] ?? null,
    tags: tagsOf(details, [...promptTags, promptTextTag]),
    description: orNull(details['description']),
  }),
  'prompt_tag.set': (details) => texts(details, 'name', 'key', 'value'),
  'prompt_tag.deleted': (details) => texts(details, 'name', 'key'),
  'prompt_version_tag.set': ofTagSet,
  'prompt_version_tag.deleted': ofTagDeleted,
  'prompt_alias.created': ofAliasCreated,
  'prompt_alias.deleted': ofAliasDeleted,
}

/** The body of a request, JSON. The same event gives the same bytes, however often it is sent. */
export const eventBody = (event: WebhookEvent, { time, details }: { time: number; details: Details }): string => {
  const [entity, action] = event.split('.')
  const timestamp = new Date(time).toISOString().replace('Z', '+00:00')
  return JSON.stringify({ entity, action, timestamp, data: dataOf[event](details) })
}

/** Details of an event that never was, for trying a webhook out. */
export const exampleDetails = (event: WebhookEvent): Details => ({
  name: 'example',
  version: 1,
  source: 'models:/m-example',
  runId: '0123456789abcdef',
  description: 'sent to try the webhook out',
  tags: [
    { key: 'team', value: 'risk' },
    ...(event === 'prompt_version.created' ? [{ key: promptTextTag, value: 'Hello {{name}}' }] : []),
  ],
  key: 'team',
  value: 'risk',
  alias: 'champion',
})
