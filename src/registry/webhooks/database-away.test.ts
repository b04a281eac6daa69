import { expect, it } from 'vitest'
import { silentLogger } from '../../lib/index.ts'
import type { Database } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import { openTestRegistry } from '../../testing/open-test-registry.ts'
import { ScriptedOutbound } from '../../testing/scripted-outbound.ts'

it('deliveries wait for a database that is away for hours, by one timer, and go out when it is back', async () => {
  let isAway = false
  let asked = 0
  let told = 0
  const tried = <T>(work: () => Promise<T>): Promise<T> => {
    asked++
    return isAway ? Promise.reject(fail('database_unavailable', { reason: 'the test cut it' })) : work()
  }
  const wrapDb = (db: Database): Database => ({
    dialect: db.dialect,
    query: (sql, args) => tried(() => db.query(sql, args)),
    executeMany: (sql, argsOfEach) => tried(() => db.executeMany(sql, argsOfEach)),
    transact: (fn) => tried(() => db.transact(fn)),
    close: () => db.close(),
  })
  const outbound = new ScriptedOutbound()
  const webhooks = {
    outbound,
    allow: [],
    key: { require: () => Promise.resolve(new Uint8Array(32).fill(7)) },
    logger: { ...silentLogger, warn: () => void told++ },
  }
  await using test = await openTestRegistry(undefined, { wrapDb, webhooks })
  const { registry, clock } = test
  const actor = { name: 'ada' }
  await registry.webhooks.create(
    { name: 'hook', url: 'https://hooks.example.test/a', events: ['registered_model.created'] },
    actor,
  )
  registry.deliveryLoop.start()
  await clock.advance(60_000)
  await registry.models.create('fraud', {}, actor)
  isAway = true
  for (let minute = 0; minute < 180; minute++) {
    const before = asked
    const refused = await Promise.allSettled([1, 2, 3].map((each) => registry.models.create(`m${each}`, {}, actor)))
    expect(refused.every(({ status }) => status === 'rejected')).toBe(true)
    registry.deliveryLoop.wake()
    await clock.advance(60_000)
    expect(asked - before).toBeLessThan(200)
    expect(clock.timerCount).toBeLessThanOrEqual(2)
  }
  expect(told).toBe(1)
  isAway = false
  await clock.advance(60_000)
  await registry.deliveryLoop.stop()
  expect(outbound.sent.map(({ json }) => (json['data'] as { name: string }).name)).toEqual(['fraud'])
})
