import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { eventually } from '../../src/testing/index.ts'
import { startServer } from '../e2e/start-server.ts'
import { openReceiver } from '../e2e/webhook-receiver.ts'
import { openTestPostgres } from './open-test-postgres.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-webhooks-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const start = (name: string, database: string) => {
  mkdirSync(join(folder, name))
  return startServer(join(folder, name), {
    '--database': database,
    '--registry.webhooks.allow': '127.0.0.1',
    '--registry.webhooks.key': 'ab'.repeat(32),
  })
}

describe('the webhooks of two servers that share a database', () => {
  it('are told of each change once by either, and of all when one is killed', async () => {
    await using postgres = await openTestPostgres()
    await using receiver = await openReceiver()
    const servers = [await start('one', postgres.url), await start('two', postgres.url)] as const
    const [one, two] = servers
    const { webhookId } = await eventually('the registry is open', () =>
      one.client.webhooks
        .create({ name: 'hook', url: receiver.url, events: ['registered_model.created'], secret: 'geheim' })
        .catch(() => undefined),
    )
    const acknowledged: string[] = []
    const write = (index: number, name: string): Promise<void> =>
      (servers[index % 2] ?? one).client.registeredModels.create({ name }).then(
        () => void acknowledged.push(name),
        () => {},
      )
    const names = () => receiver.received.map(({ json }) => String(json.data['name']))
    const told = () => acknowledged.every((name) => names().includes(name))
    await Promise.all(Array.from({ length: 40 }, (_, index) => write(index, `a-${index}`)))
    await eventually('all are told', () => (told() ? true : undefined))
    expect(acknowledged).toHaveLength(40)
    expect(names().toSorted()).toEqual(acknowledged.toSorted())
    receiver.answer = () => {}
    const writing = Promise.all(Array.from({ length: 40 }, (_, index) => write(index, `b-${index}`)))
    await eventually('one is under way', () => (receiver.received.length === 41 ? true : undefined))
    await one.kill()
    await writing
    receiver.answer = (response) => void response.end()
    // What the other was sending is given up only with its connection.
    receiver.cut()
    await eventually('all are told', () => (told() ? true : undefined), 40_000)
    const ids = new Set(receiver.received.map(({ headers }) => headers['x-mlflow-delivery-id']))
    expect(ids.size).toBe(new Set(names()).size)
    await eventually('nothing waits', async () =>
      (await two.client.webhooks.deliveries({ webhookId, status: 'pending' })).items.length === 0 ? true : undefined,
    )
    await two.kill()
  })
})
