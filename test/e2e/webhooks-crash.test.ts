import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { eventually } from '../../src/testing/index.ts'
import { startServer } from './start-server.ts'
import { openReceiver } from './webhook-receiver.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-webhooks-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const start = () => startServer(folder, { '--registry.webhooks.allow': '127.0.0.1' })

describe('a server that is killed while it writes and sends', () => {
  it('tells its webhooks of everything that it acknowledged, under the ids that it used before', async () => {
    await using receiver = await openReceiver()
    const first = await start()
    const { webhookId } = await first.client.webhooks.create({
      name: 'hook',
      url: receiver.url,
      events: ['registered_model.created'],
      secret: 'geheim',
    })
    let answered = 0
    // The receiver takes some, and then says nothing more.
    receiver.answer = (response) => void (answered++ < 20 && response.end())
    const acknowledged: string[] = []
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let index = 0; ; index++) {
        const made = await first.client.registeredModels.create({ name: `m-${writer}-${index}` }).catch(() => undefined)
        if (made === undefined) return
        acknowledged.push(made.name)
      }
    })
    await eventually('one is under way, and others wait', () =>
      receiver.received.length === 21 && acknowledged.length > 100 ? true : undefined,
    )
    await first.kill()
    await Promise.all(writers)
    const underWay = receiver.received.at(-1)?.headers['x-mlflow-delivery-id']
    receiver.answer = (response) => void response.end()
    const second = await start()
    try {
      const missing = (): string[] => {
        const names = new Set(receiver.received.map(({ json }) => json.data['name']))
        return acknowledged.filter((name) => !names.has(name))
      }
      await eventually('all were told', () => (missing().length === 0 ? true : undefined), 40_000)
      await eventually('nothing waits', async () =>
        (await second.client.webhooks.deliveries({ webhookId, status: 'pending', limit: 1 })).items.length === 0
          ? true
          : undefined,
      )
      const ids = new Map<unknown, Set<unknown>>()
      for (const { headers, json } of receiver.received) {
        const known = ids.get(json.data['name']) ?? new Set()
        ids.set(json.data['name'], known.add(headers['x-mlflow-delivery-id']))
      }
      expect([...ids.values()].every((known) => known.size === 1)).toBe(true)
      const again = receiver.received.filter(({ headers }) => headers['x-mlflow-delivery-id'] === underWay)
      expect(again.length).toBe(2)
      expect(again[0]?.text).toBe(again[1]?.text)
    } finally {
      await second.kill()
    }
  })
})
