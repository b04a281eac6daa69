import { silentLogger } from '../../lib/index.ts'
import type { Clock, Logger, Random } from '../../lib/index.ts'
import type { Database, OutboundHttp } from '../../ports/index.ts'
import type { EventLog } from '../event-log.ts'
import { DeliveryLoop } from './delivery-loop.ts'
import { DeliveryStore } from './delivery-store.ts'
import { parseAllowed } from './destination.ts'
import type { WebhookOutbox } from './event-outbox.ts'
import type { SecretKey } from './secret-box.ts'
import { SecretBox } from './secret-box.ts'
import { WebhookSender } from './webhook-sender.ts'
import { WebhookStore } from './webhook-store.ts'

/** What webhooks need of the outside. */
export interface WebhookWays {
  readonly outbound: OutboundHttp
  /** Hosts, addresses and ranges that needn't be public, and that http is good enough for. */
  readonly allow: readonly string[]
  /** Encrypts the secrets of webhooks. */
  readonly key: SecretKey
  readonly logger: Logger
}

const closed = 'this registry sends no webhooks'

/** For registries that nothing is sent from. */
export const noWebhooks: WebhookWays = {
  outbound: {
    resolve: () => Promise.reject(new Error(closed)),
    post: () => Promise.resolve({ kind: 'refused', reason: closed }),
  },
  allow: [],
  key: { require: () => Promise.reject(new Error(closed)) },
  logger: silentLogger,
}

export interface WebhookDeps {
  readonly db: Database
  readonly clock: Clock
  readonly random: Random
  readonly events: EventLog
  readonly outbox: WebhookOutbox
  newId(): string
}

/** The parts that make, keep and send webhooks; the loop is started by its owner. */
export const openWebhooks = (
  { outbox, ...deps }: WebhookDeps,
  { outbound, allow, key, logger }: WebhookWays,
): { webhooks: WebhookStore; deliveries: DeliveryStore; deliveryLoop: DeliveryLoop } => {
  const { clock } = deps
  const allowed = parseAllowed(allow)
  const secrets = new SecretBox(key)
  const sender = new WebhookSender({ clock, outbound, allowed, secrets })
  const deliveries = new DeliveryStore({ ...deps, onDue: () => deliveryLoop.wake() })
  const deliveryLoop = new DeliveryLoop({ deliveries, sender, clock, logger })
  outbox.onFilled(() => deliveryLoop.wake())
  const webhooks = new WebhookStore({ ...deps, outbound, allowed, secrets, sender })
  return { webhooks, deliveries, deliveryLoop }
}
