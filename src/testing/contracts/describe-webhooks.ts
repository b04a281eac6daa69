import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { silentLogger } from '../../lib/index.ts'
import type { Registry, RegistryDeps, Webhook, WebhookWays } from '../../registry/index.ts'
import { openRegistry, webhookEvents } from '../../registry/index.ts'
import { eventually } from '../eventually.ts'
import type { TestRegistry } from '../open-test-registry.ts'
import { reply, ScriptedOutbound } from '../scripted-outbound.ts'
import type { SentPost } from '../scripted-outbound.ts'
import { seededRandom } from '../seeded-random.ts'

type Open = (options: Pick<RegistryDeps, 'webhooks'>) => Promise<TestRegistry>

const actor = { name: 'ada' }
const url = 'https://hooks.example.test/a'

const ways = (outbound: ScriptedOutbound, key = 1): WebhookWays => ({
  outbound,
  allow: [],
  key: { require: () => Promise.resolve(new Uint8Array(32).fill(key)) },
  logger: silentLogger,
})

const hook = (registry: Registry, events: readonly string[], more: { url?: string; secret?: string } = {}) =>
  registry.webhooks.create({ name: 'hook', url, events, ...more }, actor)

const version = (registry: Registry, name: string, tags: readonly { key: string; value: string }[] = []) =>
  registry.versions.create(
    { name, source: 'mlflow-artifacts:/0/models/m', runId: '', runLink: '', modelId: '', description: '', tags },
    actor,
  )

const idOf = (post: SentPost): string => post.headers['X-MLflow-Delivery-Id'] ?? ''

const deliveriesOf = async (registry: Registry, { webhookId }: Webhook) =>
  (await registry.deliveries.list(webhookId, { limit: 1000 })).items

/** Lets time pass, step by step, until nothing waits. Steps are small where claims must not run out meanwhile. */
const settled = async (test: TestRegistry, hooks: readonly Webhook[], stepMs = 2000) => {
  await eventually('deliveries settle', async () => {
    await test.clock.advance(stepMs)
    const rows = (await Promise.all(hooks.map((each) => deliveriesOf(test.registry, each)))).flat()
    return rows.some(({ status }) => status === 'pending') ? undefined : true
  })
}

/** Another server of the same database. */
const another = (test: TestRegistry, outbound: ScriptedOutbound, key = 1): Promise<Registry> =>
  openRegistry({
    db: test.db,
    blobs: test.blobs,
    clock: test.clock,
    random: seededRandom(2),
    newId: () => crypto.randomUUID().replaceAll('-', ''),
    webhooks: ways(outbound, key),
  })

const describeEvents = (open: Open): void => {
  it('tells of models and versions by MLflow’s names and fields, in their order', async () => {
    const outbound = new ScriptedOutbound()
    await using test = await open({ webhooks: ways(outbound) })
    const { registry } = test
    const hooks = [await hook(registry, webhookEvents)]
    const tags = [{ key: '__proto__', value: 'x' }]
    await registry.models.create('fraud', { description: 'cards', tags }, actor)
    await version(registry, 'fraud', tags)
    await registry.versions.setTag('fraud', '1', { key: 'team', value: 'risk' }, actor)
    await registry.versions.deleteTag('fraud', '1', 'team', actor)
    await registry.models.setAlias('fraud', 'champion', '1', actor)
    await registry.models.deleteAlias('fraud', 'champion', actor)
    await registry.models.setAlias('fraud', 'other', '1', actor)
    await registry.versions.delete('fraud', '1', actor)
    // Nobody asked to hear of these.
    await registry.models.setTag('fraud', { key: 'team', value: 'risk' }, actor)
    await registry.models.describe('fraud', 'other', actor)
    registry.deliveryLoop.start()
    await settled(test, hooks)
    await registry.deliveryLoop.stop()
    const proto = JSON.parse('{"__proto__":"x"}') as object
    expect(outbound.sent.map(({ json: { entity, action, data } }) => [entity, action, data])).toEqual([
      ['registered_model', 'created', { name: 'fraud', tags: proto, description: 'cards' }],
      [
        'model_version',
        'created',
        {
          name: 'fraud',
          version: '1',
          source: 'mlflow-artifacts:/0/models/m',
          run_id: null,
          tags: proto,
          description: null,
        },
      ],
      ['model_version_tag', 'set', { name: 'fraud', version: '1', key: 'team', value: 'risk' }],
      ['model_version_tag', 'deleted', { name: 'fraud', version: '1', key: 'team' }],
      ['model_version_alias', 'created', { name: 'fraud', alias: 'champion', version: '1' }],
      ['model_version_alias', 'deleted', { name: 'fraud', alias: 'champion' }],
      ['model_version_alias', 'created', { name: 'fraud', alias: 'other', version: '1' }],
      // It went with its version.
      ['model_version_alias', 'deleted', { name: 'fraud', alias: 'other' }],
    ])
    expect(outbound.sent[0]?.json['timestamp']).toBe(new Date(1_700_000_000_000).toISOString().replace('Z', '+00:00'))
  })

  it('tells of prompts by names of their own', async () => {
    const outbound = new ScriptedOutbound()
    await using test = await open({ webhooks: ways(outbound) })
    const { registry } = test
    const hooks = [await hook(registry, webhookEvents)]
    const isPrompt = [{ key: 'mlflow.prompt.is_prompt', value: 'true' }]
    await registry.models.create('greet', { tags: isPrompt }, actor)
    await version(registry, 'greet', [
      ...isPrompt,
      { key: '_mlflow_prompt_type', value: 'text' },
      { key: 'mlflow.prompt.text', value: 'Hello {{name}}' },
      { key: 'team', value: 'risk' },
    ])
    await registry.models.setTag('greet', { key: 'a', value: '1' }, actor)
    await registry.models.deleteTag('greet', 'a', actor)
    await registry.versions.setTag('greet', '1', { key: 'b', value: '2' }, actor)
    await registry.versions.deleteTag('greet', '1', 'b', actor)
    await registry.models.setAlias('greet', 'live', '1', actor)
    await registry.models.deleteAlias('greet', 'live', actor)
    registry.deliveryLoop.start()
    await settled(test, hooks)
    await registry.deliveryLoop.stop()
    expect(outbound.sent.map(({ json: { entity, action, data } }) => [entity, action, data])).toEqual([
      ['prompt', 'created', { name: 'greet', tags: {}, description: '' }],
      [
        'prompt_version',
        'created',
        { name: 'greet', version: '1', template: 'Hello {{name}}', tags: { team: 'risk' }, description: null },
      ],
      ['prompt_tag', 'set', { name: 'greet', key: 'a', value: '1' }],
      ['prompt_tag', 'deleted', { name: 'greet', key: 'a' }],
      ['prompt_version_tag', 'set', { name: 'greet', version: '1', key: 'b', value: '2' }],
      ['prompt_version_tag', 'deleted', { name: 'greet', version: '1', key: 'b' }],
      ['prompt_alias', 'created', { name: 'greet', alias: 'live', version: '1' }],
      ['prompt_alias', 'deleted', { name: 'greet', alias: 'live' }],
    ])
  })

  it('holds a delivery if and only if what it tells of was written', async () => {
    await using test = await open({ webhooks: ways(new ScriptedOutbound()) })
    const { registry } = test
    const made = await hook(registry, webhookEvents)
    const disabled = await registry.webhooks.create(
      { name: 'off', url, events: webhookEvents, status: 'DISABLED' },
      actor,
    )
    await registry.models.create('fraud', {}, actor)
    await expect(registry.models.create('fraud', {}, actor)).rejects.toMatchObject({ code: 'resource_exists' })
    await version(registry, 'fraud')
    const policy = { aliases: { champion: [{ tag: { key: 'validated', value: 'yes' } }] } }
    await registry.promotion.setPolicy('fraud', policy, actor)
    await expect(registry.models.setAlias('fraud', 'champion', '1', actor)).rejects.toMatchObject({
      code: 'promotion_refused',
    })
    const old = { name: 'old', description: '', creationTime: 1, lastUpdatedTime: 2, tags: [], versionLast: 0 }
    expect(await registry.imports.registeredModels([old], actor)).toMatchObject([{ outcome: 'created' }])
    const events = (await deliveriesOf(registry, made)).map(({ event, status }) => [event, status])
    expect(events).toEqual([
      ['model_version.created', 'pending'],
      ['registered_model.created', 'pending'],
    ])
    expect(await deliveriesOf(registry, disabled)).toEqual([])
  })
}

const describeSending = (open: Open): void => {
  it('signs every attempt, and keeps the id of the delivery through all of them', async () => {
    const outcomes = [reply(503), { kind: 'unreachable', reason: 'refused' } as const, reply(429), reply(200, {}, 'ok')]
    const outbound = new ScriptedOutbound(() => outcomes.shift() ?? reply(500))
    await using test = await open({ webhooks: ways(outbound) })
    const { registry } = test
    const hooks = [await hook(registry, ['registered_model.created'], { secret: 'geheim ü' })]
    await registry.models.create('fraud', {}, actor)
    registry.deliveryLoop.start()
    await settled(test, hooks)
    await registry.deliveryLoop.stop()
    expect(outbound.sent).toHaveLength(4)
    expect(new Set(outbound.sent.map(idOf)).size).toBe(1)
    expect(idOf(outbound.sent[0] as SentPost)).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    for (const { headers, body } of outbound.sent) {
      const signed = `${headers['X-MLflow-Delivery-Id']}.${headers['X-MLflow-Timestamp']}.${Buffer.from(body).toString()}`
      const expected = createHmac('sha256', 'geheim ü').update(signed).digest('base64')
      expect(headers['X-MLflow-Signature']).toBe(`v1,${expected}`)
    }
    const [delivery] = await deliveriesOf(registry, hooks[0] as Webhook)
    expect(delivery).toMatchObject({ status: 'delivered', attempts: 4, responseStatus: 200, responseBody: 'ok' })
    expect(delivery?.error).toBeUndefined()
  })

  it('waits as long as the receiver asks, and gives up at once on what can not be mended', async () => {
    const outcomes = [
      reply(429, { 'retry-after': '120' }),
      reply(503, { 'retry-after': new Date(1_700_000_000_000 + 300_000).toUTCString() }),
      reply(200),
      reply(404, {}, 'who?\0'),
      reply(302),
    ]
    const outbound = new ScriptedOutbound(() => outcomes.shift() ?? reply(500))
    await using test = await open({ webhooks: ways(outbound) })
    const { registry, clock } = test
    const made = await hook(registry, ['registered_model.created'])
    await registry.models.create('a', {}, actor)
    const startMs = clock.wallMs()
    registry.deliveryLoop.start()
    await eventually('it was asked to wait', async () =>
      (await deliveriesOf(registry, made)).some(({ responseStatus }) => responseStatus === 429) ? true : undefined,
    )
    const [waiting] = await deliveriesOf(registry, made)
    expect(waiting?.dueTime).toBeGreaterThanOrEqual(startMs + 120_000)
    await clock.advance(100_000)
    expect(outbound.sent).toHaveLength(1)
    await settled(test, [made])
    expect(clock.wallMs()).toBeGreaterThanOrEqual(startMs + 300_000)
    await registry.models.create('b', {}, actor)
    await settled(test, [made])
    await registry.models.create('c', {}, actor)
    await settled(test, [made])
    await registry.deliveryLoop.stop()
    expect(outbound.sent).toHaveLength(5)
    const [c, b, a] = await deliveriesOf(registry, made)
    expect(a).toMatchObject({ status: 'delivered', attempts: 3 })
    expect(b).toMatchObject({ status: 'failed', attempts: 1, responseStatus: 404, responseBody: 'who?\ufffd' })
    expect(c).toMatchObject({ status: 'failed', attempts: 1, error: expect.stringContaining('redirects') })
  })

  it('gives up after a day, and starts anew when it is replayed', async () => {
    let status = 500
    const outbound = new ScriptedOutbound(() => reply(status))
    await using test = await open({ webhooks: ways(outbound) })
    const { registry, clock } = test
    const made = await hook(registry, ['registered_model.created'])
    await registry.models.create('fraud', {}, actor)
    registry.deliveryLoop.start()
    const startMs = clock.wallMs()
    await eventually('it is given up', async () => {
      await clock.advance(600_000)
      return (await deliveriesOf(registry, made))[0]?.status === 'failed' ? true : undefined
    })
    expect(clock.wallMs() - startMs).toBeGreaterThan(20 * 3_600_000)
    const [failed] = await deliveriesOf(registry, made)
    expect(failed?.attempts).toBeGreaterThan(15)
    status = 200
    const replayed = await registry.deliveries.replay(made.webhookId, failed?.deliveryId ?? '')
    expect(replayed).toMatchObject({ status: 'pending', attempts: 0, deliveryId: failed?.deliveryId })
    await eventually('it is delivered', async () =>
      (await deliveriesOf(registry, made))[0]?.status === 'delivered' ? true : undefined,
    )
    await registry.deliveryLoop.stop()
    expect(new Set(outbound.sent.map(idOf)).size).toBe(1)
    expect(new Set(outbound.sent.map(({ body }) => Buffer.from(body).toString())).size).toBe(1)
    await expect(registry.deliveries.replay(made.webhookId, 'nobody')).rejects.toMatchObject({
      code: 'resource_missing',
    })
  })

  it('sends each delivery once, one at a time to a receiver and in order, however many servers share the database', async () => {
    const outbound = new ScriptedOutbound()
    await using test = await open({ webhooks: ways(outbound) })
    const { registry } = test
    const other = await another(test, outbound)
    const hooks = [
      await hook(registry, ['registered_model.created']),
      await hook(registry, ['registered_model.created'], { url: `${url}2` }),
    ]
    registry.deliveryLoop.start()
    other.deliveryLoop.start()
    for (let index = 0; index < 10; index++) {
      await test.clock.advance(1)
      await (index % 2 === 0 ? registry : other).models.create(`m${index}`, {}, actor)
    }
    await settled(test, hooks, 10)
    await Promise.all([registry.deliveryLoop.stop(), other.deliveryLoop.stop()])
    expect(outbound.sent).toHaveLength(20)
    expect(new Set(outbound.sent.map(idOf)).size).toBe(20)
    expect([...outbound.underWayMaxOf.values()]).toEqual([1, 1])
    const names = outbound.sent
      .filter((post) => post.url.href === url)
      .map(({ json }) => (json['data'] as { name: string }).name)
    expect(names).toEqual(Array.from({ length: 10 }, (_, index) => `m${index}`))
  })

  it('sends to ten receivers at once, and a slow one holds up no other', async () => {
    const slow = Promise.withResolvers<void>()
    const outbound = new ScriptedOutbound(async ({ url: { pathname } }) => {
      if (pathname !== '/fast') await slow.promise
      return reply(200)
    })
    await using test = await open({ webhooks: ways(outbound) })
    const { registry } = test
    const hooks: Webhook[] = []
    for (let index = 0; index < 9; index++)
      hooks.push(await hook(registry, ['registered_model.created'], { url: `https://hooks.example.test/${index}` }))
    const fast = await hook(registry, ['registered_model.created'], { url: 'https://hooks.example.test/fast' })
    for (let index = 0; index < 3; index++) await registry.models.create(`m${index}`, {}, actor)
    registry.deliveryLoop.start()
    await settled(test, [fast], 10)
    for (let index = 9; index < 15; index++)
      hooks.push(await hook(registry, ['model_version.created'], { url: `https://hooks.example.test/${index}` }))
    await version(registry, 'm0')
    await eventually('there is no more room', () => (outbound.underWayMax === 10 ? true : undefined))
    slow.resolve()
    await settled(test, hooks)
    await registry.deliveryLoop.stop()
    expect(outbound.underWayMax).toBe(10)
    expect(outbound.sent).toHaveLength(9 * 3 + 3 + 6)
  })
}

const describeClaims = (open: Open): void => {
  it('sends what a dead server was sending once its claim has run out, and not before', async () => {
    const outbound = new ScriptedOutbound()
    await using test = await open({ webhooks: ways(outbound) })
    const { registry, clock } = test
    const made = await hook(registry, ['registered_model.created'])
    await registry.models.create('fraud', {}, actor)
    const dead = await registry.deliveries.heads()
    const claim = await registry.deliveries.claim(dead[0]?.webhookKey ?? 0)
    expect(claim).toMatchObject({ attempts: 1 })
    expect(await registry.deliveries.claim(dead[0]?.webhookKey ?? 0)).toBeUndefined()
    registry.deliveryLoop.start()
    await clock.advance(9000)
    expect(outbound.sent).toEqual([])
    await settled(test, [made])
    await registry.deliveryLoop.stop()
    expect(outbound.sent.map(idOf)).toEqual([claim?.deliveryId])
    // The dead one was only slow: what it has to tell comes too late.
    if (claim === undefined) throw new Error('there was a claim')
    expect(await registry.deliveries.renew(claim)).toBe(false)
    expect(await registry.deliveries.finish(claim, { mayRetry: true, error: 'late' }, 1)).toBeUndefined()
    expect(await deliveriesOf(registry, made)).toMatchObject([{ status: 'delivered', attempts: 2 }])
  })

  it('keeps a claim as long as the receiver takes, and leaves the delivery to others when it stops', async () => {
    const never = new ScriptedOutbound(() => new Promise(() => {}))
    await using test = await open({ webhooks: ways(never) })
    const { registry, clock } = test
    const outbound = new ScriptedOutbound()
    const other = await another(test, outbound)
    const made = await hook(registry, ['registered_model.created'])
    registry.deliveryLoop.start()
    await registry.models.create('fraud', {}, actor)
    await eventually('it is under way', () => (never.sent.length === 1 ? true : undefined))
    other.deliveryLoop.start()
    for (let second = 0; second < 25; second++) {
      await clock.advance(1000)
      await eventually('the claim is renewed in time', async () => {
        const [turn] = await test.db.query<{ until_time: number }>('SELECT until_time FROM webhook_turns')
        return (turn?.until_time ?? 0) > clock.wallMs() + 3000 ? true : undefined
      })
    }
    expect(outbound.sent).toEqual([])
    let hasStopped = false
    const stopped = registry.deliveryLoop.stop().then(() => (hasStopped = true))
    await eventually('it stops', async () => {
      await clock.advance(100)
      return hasStopped ? true : undefined
    })
    await stopped
    await settled(test, [made])
    await other.deliveryLoop.stop()
    expect(outbound.sent.map(idOf)).toEqual(never.sent.map(idOf))
    expect(await deliveriesOf(registry, made)).toMatchObject([{ status: 'delivered', attempts: 1 }])
  })

  it('forgets what is done beyond a thousand, and gives up what waits beyond ten thousand', async () => {
    const outbound = new ScriptedOutbound()
    await using test = await open({ webhooks: ways(outbound) })
    const { registry, db, clock } = test
    const made = await hook(registry, ['registered_model.created'])
    await registry.models.create('fraud', {}, actor)
    const [head] = await registry.deliveries.heads()
    const [event] = await db.query<{ sequence: number }>('SELECT MAX(sequence) AS sequence FROM registry_events')
    const put = async (count: number, status: string, dueTime: number): Promise<void> =>
      db.executeMany(
        `INSERT INTO webhook_deliveries (delivery_id, webhook_key, event, sequence, status, created_time, since_time, due_time, attempts)
         VALUES (?, ?, 'registered_model.created', ?, ?, 0, 0, ?, 0)`,
        Array.from({ length: count }, (_, index) => [
          `${status}-${index}`,
          head?.webhookKey ?? 0,
          event?.sequence ?? 0,
          status,
          dueTime + index,
        ]),
      )
    await put(1005, 'delivered', 0)
    await put(10_003, 'pending', clock.wallMs() + 1_000_000)
    const claim = await registry.deliveries.claim(head?.webhookKey ?? 0)
    if (claim === undefined) throw new Error('there was a claim')
    await registry.deliveries.finish(claim, { mayRetry: false, responseStatus: 200 }, 1)
    const counts = await db.query<{ status: string; count: number }>(
      'SELECT status, COUNT(*) AS count FROM webhook_deliveries GROUP BY status ORDER BY status',
    )
    expect(counts).toEqual([
      { status: 'delivered', count: 1000 },
      { status: 'failed', count: 3 },
      { status: 'pending', count: 10_000 },
    ])
    const failed = await registry.deliveries.list(made.webhookId, { status: 'failed', limit: 10 })
    expect(failed.items.map(({ deliveryId }) => deliveryId)).toEqual(['pending-2', 'pending-1', 'pending-0'])
    expect(failed.items[0]?.error).toContain('more than 10000')
  })
}

const describeKeeping = (open: Open): void => {
  it('is made, changed, listed page by page, and gone with its deliveries', async () => {
    await using test = await open({ webhooks: ways(new ScriptedOutbound()) })
    const { registry, clock } = test
    const made: Webhook[] = []
    for (let index = 0; index < 5; index++) {
      if (index % 2 === 0) await clock.advance(10)
      const events = ['model_version.created', 'registered_model.created', 'model_version.created']
      made.push(await registry.webhooks.create({ name: `hook-${index}`, url, events, description: 'd' }, actor))
    }
    expect(made[0]).toMatchObject({
      status: 'ACTIVE',
      isSigned: false,
      description: 'd',
      events: ['model_version.created', 'registered_model.created'],
    })
    const listed: string[] = []
    let pageToken: string | undefined
    do {
      const page = await registry.webhooks.list({ limit: 2, pageToken })
      listed.push(...page.items.map(({ name }) => name))
      pageToken = page.nextPageToken
    } while (pageToken !== undefined)
    expect(listed).toEqual(['hook-4', 'hook-3', 'hook-2', 'hook-1', 'hook-0'])
    const id = made[0]?.webhookId ?? ''
    await clock.advance(5)
    const changed = await registry.webhooks.update(
      id,
      { name: 'renamed', description: '', events: ['prompt.created'], status: 'DISABLED', secret: 'x' },
      actor,
    )
    expect(changed).toMatchObject({ name: 'renamed', url, status: 'DISABLED', isSigned: true, description: '' })
    expect(changed.lastUpdatedTime).toBeGreaterThan(changed.creationTime)
    expect(await registry.webhooks.require(id)).toEqual(changed)
    expect((await registry.webhooks.update(id, { secret: '' }, actor)).isSigned).toBe(false)
    await registry.models.create('fraud', {}, actor)
    expect(await deliveriesOf(registry, made[1] as Webhook)).toHaveLength(1)
    for (const each of made) await registry.webhooks.delete(each.webhookId, actor)
    await expect(registry.webhooks.require(id)).rejects.toThrow(`Webhook with ID ${id} not found.`)
    expect(await test.db.query('SELECT 1 AS left_over FROM webhook_deliveries')).toEqual([])
    await registry.models.create('risk', {}, actor)
  })

  it('pages through deliveries, by status', async () => {
    await using test = await open({ webhooks: ways(new ScriptedOutbound()) })
    const { registry } = test
    const made = await hook(registry, ['registered_model.created'])
    for (let index = 0; index < 5; index++) await registry.models.create(`m${index}`, {}, actor)
    const first = await registry.deliveries.list(made.webhookId, { limit: 3 })
    const rest = await registry.deliveries.list(made.webhookId, { limit: 3, pageToken: first.nextPageToken })
    expect(first.items.length + rest.items.length).toBe(5)
    expect(rest.nextPageToken).toBeUndefined()
    const other = { limit: 3, status: 'failed', pageToken: first.nextPageToken } as const
    await expect(registry.deliveries.list(made.webhookId, other)).rejects.toThrow('page token')
    expect((await registry.deliveries.list(made.webhookId, { limit: 3, status: 'failed' })).items).toEqual([])
  })

  it('keeps secrets encrypted, out of the audit, and bound to their webhook', async () => {
    const outbound = new ScriptedOutbound()
    await using test = await open({ webhooks: ways(outbound) })
    const { registry, db } = test
    const secret = 'a-secret-of-mine'
    const made = await hook(registry, ['registered_model.created'], { secret, url: `${url}/path-of-mine` })
    const kept = JSON.stringify([
      await db.query('SELECT webhook_id, name, secret FROM webhooks'),
      await registry.audit.search({ limit: 100 }),
    ])
    expect(kept).toContain('webhook.created')
    expect(kept).not.toContain(secret)
    expect(kept).not.toContain('path-of-mine')
    expect(kept).not.toContain(Buffer.from(secret).toString('base64url'))
    // Somebody who writes to the database moves the secret to a webhook of theirs.
    const theirs = await hook(registry, ['registered_model.created'])
    await db.query(
      'UPDATE webhooks SET secret = (SELECT secret FROM webhooks WHERE webhook_id = ?) WHERE webhook_id = ?',
      [made.webhookId, theirs.webhookId],
    )
    expect(await registry.webhooks.test(theirs.webhookId)).toMatchObject({ error: expect.stringContaining('changed') })
    expect(await registry.webhooks.test(made.webhookId)).toMatchObject({ responseStatus: 200 })
    expect(outbound.sent).toHaveLength(1)
  })

  it('waits for a server with the right key to sign', async () => {
    const outbound = new ScriptedOutbound()
    await using test = await open({ webhooks: ways(outbound, 1) })
    const { registry } = test
    const other = await another(test, outbound, 2)
    const made = await hook(registry, ['registered_model.created'], { secret: 'x' })
    await registry.models.create('fraud', {}, actor)
    other.deliveryLoop.start()
    await eventually('it was tried', async () =>
      (await deliveriesOf(registry, made))[0]?.error?.includes('another key') === true ? true : undefined,
    )
    await other.deliveryLoop.stop()
    expect(outbound.sent).toEqual([])
    registry.deliveryLoop.start()
    await settled(test, [made])
    await registry.deliveryLoop.stop()
    expect(outbound.sent).toHaveLength(1)
  })
}

/** What webhooks promise over every database. `open` gives an empty one. */
export const describeWebhooks = (name: string, open: Open): void => {
  describe(`the events of webhooks on ${name}`, () => describeEvents(open))
  describe(`the sending of webhooks on ${name}`, () => describeSending(open))
  describe(`the claims of webhooks on ${name}`, () => describeClaims(open))
  describe(`the keeping of webhooks on ${name}`, () => describeKeeping(open))
}
