import { readFile } from 'node:fs/promises'
import { whyUnreadable } from '../../lib/index.ts'
import type { DeliveryStatusName, DeliveryView, WebhookView } from '../../protocol/index.ts'
import type { Action, ActionArgs } from '../action-command.ts'
import { actionCommand } from '../action-command.ts'
import type { Command, Flag } from '../command.ts'
import { Refusal, UsageError } from '../command.ts'
import { listRows, timeText } from '../listing.ts'
import { table } from '../table.ts'

const flags: readonly Flag[] = [
  { name: 'secret-file', value: 'FILE', doc: 'file with the secret that signs requests, for create' },
  { name: 'description', value: 'TEXT', doc: 'for create' },
  { name: 'event', value: 'EVENT', doc: 'what test sends an example of', default: "the webhook's first event" },
  { name: 'status', value: 'STATUS', doc: 'deliveries that are pending, delivered or failed' },
  { name: 'limit', value: 'N', doc: 'rows at most', default: '100' },
]

/** A webhook by its id or, where one alone has it, its name. */
const webhookOf = async ({ api }: ActionArgs, idOrName: string): Promise<WebhookView> => {
  const named: WebhookView[] = []
  for await (const each of api.each('webhooks.list', { limit: 1000 })) {
    if (each.webhookId === idOrName) return each
    if (each.name === idOrName) named.push(each)
  }
  const [found, other] = named
  if (found === undefined)
    throw new Refusal(`there is no webhook '${idOrName}'; slipway webhooks ls lists them`, 'resource_missing')
  if (other !== undefined) throw new Refusal(`several webhooks are named '${idOrName}'; name one by its id`)
  return found
}

const secretOf = async ({ text }: ActionArgs): Promise<{ secret?: string }> => {
  const file = text('secret-file')
  if (file === undefined) return {}
  const content = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new Refusal(`'${file}' can't be read: ${whyUnreadable(error)}`)
  })
  return { secret: content.replace(/\r?\n$/, '') }
}

const present = <T>(name: string, value: T | undefined): Readonly<Record<string, T>> =>
  value === undefined ? {} : { [name]: value }

const statusOf = ({ text }: ActionArgs): DeliveryStatusName | undefined => {
  const statuses = ['pending', 'delivered', 'failed'] as const
  const given = text('status')
  const found = statuses.find((status) => status === given)
  if (given !== undefined && found === undefined)
    throw new UsageError(`--status '${given}' is not one of ${statuses.join(', ')}`)
  return found
}

const deliveryRow = (each: DeliveryView): string[] => [
  each.deliveryId,
  each.event,
  each.status,
  String(each.attempts),
  timeText(each.createdTime),
  each.responseStatus === undefined ? '' : String(each.responseStatus),
  each.status === 'delivered' ? '' : (each.error ?? ''),
]

const actions: readonly Action[] = [
  {
    form: 'ls',
    doc: 'webhooks, the newest first',
    async run(args) {
      const value = await listRows(args, 'webhooks.list', {})
      const rows = value.map((each) => [
        each.webhookId,
        each.name,
        each.status.toLowerCase(),
        each.isSigned ? 'yes' : 'no',
        each.url,
        each.events.join(' '),
      ])
      return { value, text: table(['id', 'name', 'status', 'signed', 'url', 'events'], rows) }
    },
  },
  {
    form: 'create NAME URL EVENTS',
    doc: 'a new webhook; events with commas, for example model_version.created,model_version_alias.created',
    async run(args) {
      const [name = '', url = '', events = ''] = args.words
      const value = await args.api.webhooks.create({
        name,
        url,
        events: events.split(',').map((event) => event.trim()),
        ...present('description', args.text('description')),
        ...(await secretOf(args)),
      })
      return { value, text: `webhook ${value.webhookId} is created\n` }
    },
  },
  {
    form: 'rm WEBHOOK',
    doc: 'delete a webhook, by id or name, with its deliveries',
    async run(args) {
      const { webhookId } = await webhookOf(args, args.words[0] ?? '')
      await args.api.webhooks.delete({ webhookId })
      return { value: { deleted: webhookId }, text: `webhook ${webhookId} is deleted\n` }
    },
  },
  {
    form: 'test WEBHOOK',
    doc: 'send an example to a webhook and show what it answers',
    async run(args) {
      const { webhookId } = await webhookOf(args, args.words[0] ?? '')
      const value = await args.api.webhooks.test({ webhookId, ...present('event', args.text('event')) })
      if (!value.success) throw new Refusal(value.error ?? 'the webhook did not take it', 'webhook_failed')
      return { value, text: `the receiver answered ${value.responseStatus ?? ''}\n${value.responseBody ?? ''}\n` }
    },
  },
  {
    form: 'deliveries WEBHOOK',
    doc: 'what a webhook was told, or is still to be, the newest first',
    async run(args) {
      const { webhookId } = await webhookOf(args, args.words[0] ?? '')
      const value = await listRows(args, 'webhooks.deliveries', { webhookId, ...present('status', statusOf(args)) })
      const head = ['delivery', 'event', 'status', 'attempts', 'created', 'answer', 'why']
      return { value, text: table(head, value.map(deliveryRow)) }
    },
  },
  {
    form: 'replay WEBHOOK DELIVERY',
    doc: 'send a delivery again, under the same id',
    async run(args) {
      const { webhookId } = await webhookOf(args, args.words[0] ?? '')
      const value = await args.api.webhooks.replay({ webhookId, deliveryId: args.words[1] ?? '' })
      return { value, text: `delivery ${value.deliveryId} is sent again\n` }
    },
  },
]

/** Webhooks of the registry. */
export const webhooks: Command = actionCommand(actions, {
  flags,
  examples: [
    'slipway webhooks create ci https://ci.example.org/hook model_version.created --secret-file secret.txt',
    'slipway webhooks test ci',
    'slipway webhooks deliveries ci --status failed',
  ],
})
