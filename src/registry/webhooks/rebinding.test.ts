import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { openOutbound } from '../../adapters/outbound/index.ts'
import { silentLogger, systemClock } from '../../lib/index.ts'
import { eventually } from '../../testing/eventually.ts'
import { openTestRegistry } from '../../testing/open-test-registry.ts'

const actor = { name: 'ada' }

describe('a webhook whose host leads inside once it is made', () => {
  it.each(['127.0.0.1', '169.254.169.254', '10.0.0.1', '::1', '::ffff:127.0.0.1'])(
    'is not sent to %s, nor is its test, and not tried again',
    async (inside) => {
      let connections = 0
      const server = createServer((_, response) => response.end('secret'))
      server.on('connection', () => connections++)
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address() as AddressInfo
      let address = '93.184.215.14'
      const lookup = () => Promise.resolve([{ address, family: address.includes(':') ? 6 : 4 }])
      await using test = await openTestRegistry(undefined, {
        webhooks: {
          outbound: openOutbound({ clock: systemClock, lookup }),
          allow: [],
          key: { require: () => Promise.resolve(new Uint8Array(32)) },
          logger: silentLogger,
        },
      })
      const { webhooks, models, deliveries, deliveryLoop } = test.registry
      const { webhookId } = await webhooks.create(
        { name: 'hook', url: `https://hooks.example.test:${port}/`, events: ['registered_model.created'] },
        actor,
      )
      address = inside
      const refused = { error: `${inside} is not a public address` }
      expect(await webhooks.test(webhookId)).toMatchObject(refused)
      await models.create('fraud', {}, actor)
      deliveryLoop.start()
      const delivery = await eventually('it is given up', async () => {
        const [first] = (await deliveries.list(webhookId, { limit: 1 })).items
        return first?.status === 'failed' ? first : undefined
      })
      await deliveryLoop.stop()
      expect(delivery).toMatchObject({ ...refused, attempts: 1 })
      expect(connections).toBe(0)
      await new Promise((resolve) => server.close(resolve))
    },
  )
})
