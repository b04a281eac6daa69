import { createHmac } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SlipwayClient } from '../../src/client/index.ts'
import { eventually, startTestApp, type TestApp } from '../../src/testing/index.ts'
import { runSlipway } from './run-slipway.ts'
import type { Ran } from './run-slipway.ts'
import { openReceiver, type Received, type WebhookReceiver } from './webhook-receiver.ts'

const api = '/api/2.0/mlflow'
const event = { entity: 'REGISTERED_MODEL', action: 'CREATED' }
let app: TestApp
let client: SlipwayClient
let receiver: WebhookReceiver

beforeAll(async () => {
  receiver = await openReceiver()
  app = await startTestApp({ flags: ['--registry.webhooks.allow', '127.0.0.1,listed.example.test'] })
  client = new SlipwayClient({ url: app.addresses.http })
})
afterAll(async () => {
  await app.stop()
  await receiver[Symbol.asyncDispose]()
})

interface MlflowWebhook {
  readonly webhook_id: string
  readonly status: string
}

const send = async (method: string, path: string, body?: unknown): Promise<{ status: number; json: never }> => {
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) }
  const reply = await app.fetch(`${api}/${path}`, { ...init, headers: { 'content-type': 'application/json' } })
  return { status: reply.status, json: (await reply.json()) as never }
}

const make = async (body: object): Promise<MlflowWebhook> => {
  const { status, json } = await send('POST', 'webhooks', { name: 'hook', url: receiver.url, events: [event], ...body })
  expect(status, JSON.stringify(json)).toBe(200)
  return (json as { webhook: MlflowWebhook }).webhook
}

/** What was received of a model. */
const of = (name: string) => receiver.received.filter(({ json }) => json.data['name'] === name)

describe('a webhook', () => {
  it('is told of a model within a moment, signed with its secret', async () => {
    const { webhook_id: id } = await make({ secret: 'geheim' })
    await client.registeredModels.create({ name: 'signed', description: 'cards' })
    const [received] = await eventually('it is told', () => (of('signed').length > 0 ? of('signed') : undefined))
    expect(received?.json).toMatchObject({
      entity: 'registered_model',
      action: 'created',
      data: { name: 'signed', tags: {}, description: 'cards' },
    })
    const { headers, text } = received as Received
    const signed = `${String(headers['x-mlflow-delivery-id'])}.${String(headers['x-mlflow-timestamp'])}.${text}`
    expect(headers['x-mlflow-signature']).toBe(`v1,${createHmac('sha256', 'geheim').update(signed).digest('base64')}`)
    expect(headers['content-type']).toBe('application/json')
    expect(Math.abs(Date.now() / 1000 - Number(headers['x-mlflow-timestamp']))).toBeLessThan(60)
    await client.webhooks.delete({ webhookId: id })
  })

  it('is tried again until it takes what it is told, and told again by a replay', async () => {
    let refusals = 2
    receiver.answer = (response) => response.writeHead(refusals-- > 0 ? 503 : 200, { 'retry-after': '0' }).end()
    const { webhookId } = await client.webhooks.create({
      name: 'again',
      url: receiver.url,
      events: ['registered_model.created'],
    })
    await client.registeredModels.create({ name: 'again' })
    const delivered = async () =>
      (await client.webhooks.deliveries({ webhookId, status: 'delivered' })).items.find(({ attempts }) => attempts > 0)
    const first = await eventually('it is delivered', delivered)
    expect(first).toMatchObject({ attempts: 3, responseStatus: 200, event: 'registered_model.created' })
    const replayed = await client.webhooks.replay({ webhookId, deliveryId: first.deliveryId })
    expect(replayed.status).toBe('pending')
    await eventually('it is told again', () => (of('again').length === 4 ? true : undefined))
    expect(new Set(of('again').map(({ headers }) => headers['x-mlflow-delivery-id']))).toEqual(
      new Set([first.deliveryId]),
    )
    receiver.answer = (response) => response.end()
    await client.webhooks.delete({ webhookId })
  })

  it('that will not be told is told of in the log, without the path of its URL', async () => {
    receiver.answer = (response) => response.writeHead(410).end('gone')
    const { webhook_id: id } = await make({})
    await client.registeredModels.create({ name: 'gone' })
    const line = await eventually('it is logged', () =>
      app.log.find(({ event: name, fields }) => name === 'webhooks.failed' && fields['webhook'] === id),
    )
    expect(line).toMatchObject({
      level: 'warn',
      fields: { event: 'registered_model.created', attempts: 1, reason: 'the receiver answered 410' },
    })
    expect(JSON.stringify(line)).not.toContain('/hook')
    receiver.answer = (response) => response.end('thanks')
    await client.webhooks.delete({ webhookId: id })
  })

  it('is tried out at once, with what the receiver answers', async () => {
    receiver.answer = (response) => response.writeHead(418).end('a teapot')
    const { webhook_id: id } = await make({ events: [event, { entity: 'PROMPT_ALIAS', action: 'DELETED' }] })
    expect((await send('POST', `webhooks/${id}/test`, {})).json).toEqual({
      result: {
        success: false,
        response_status: 418,
        response_body: 'a teapot',
        error_message: 'the receiver answered 418',
      },
    })
    receiver.answer = (response) => response.end('thanks')
    const named = { event: { entity: 'PROMPT_ALIAS', action: 'DELETED' } }
    expect((await send('POST', `webhooks/${id}/test`, named)).json).toEqual({
      result: { success: true, response_status: 200, response_body: 'thanks' },
    })
    expect(receiver.received.at(-1)?.json).toMatchObject({ entity: 'prompt_alias', action: 'deleted' })
    expect(await client.webhooks.deliveries({ webhookId: id })).toEqual({ items: [] })
    await client.webhooks.delete({ webhookId: id })
  })

  it('hears nothing while it is disabled', async () => {
    const { webhook_id: id, status } = await make({ status: 'DISABLED' })
    expect(status).toBe('DISABLED')
    await client.registeredModels.create({ name: 'unheard' })
    await send('PATCH', `webhooks/${id}`, { status: 'ACTIVE' })
    await client.registeredModels.create({ name: 'heard' })
    await eventually('it hears', () => (of('heard').length === 1 ? true : undefined))
    expect(of('unheard')).toEqual([])
    await client.webhooks.delete({ webhookId: id })
  })

  it('never tells its secret, which is encrypted with a key that only the owner of the folder reads', async () => {
    const { webhook_id: id } = await make({ secret: 'a-secret-of-mine' })
    const replies = await Promise.all([
      send('GET', `webhooks/${id}`),
      send('GET', 'webhooks'),
      send('PATCH', `webhooks/${id}`, { description: 'x' }),
      client.webhooks.get({ webhookId: id }),
      client.audit.search({}),
    ])
    expect(JSON.stringify(replies)).not.toContain('a-secret-of-mine')
    for (const end of ['', '-wal'])
      expect(readFileSync(join(app.dataDir, `slipway.db${end}`)).includes('a-secret-of-mine')).toBe(false)
    expect(statSync(join(app.dataDir, 'webhooks.key')).mode & 0o777).toBe(0o600)
    await client.webhooks.delete({ webhookId: id })
  })
})

describe('a webhook that is asked for wrongly', () => {
  it.each([
    ['http://169.254.169.254/latest/meta-data/', 'Invalid webhook URL scheme'],
    ['https://169.254.169.254/latest/meta-data/', 'non-public IP address'],
    ['https://[::ffff:169.254.169.254]/', 'non-public IP address'],
    ['https://127.0.0.2:8443/', 'non-public IP address'],
    ['https://10.0.0.1/', 'non-public IP address'],
    ['https://user:pass@8.8.8.8/', 'user name or password'],
    ['https://8.8.8.8:6379/', 'port 6379'],
    ['file:///etc/passwd', 'Invalid webhook URL scheme'],
    ['', 'required parameter'],
  ])('is refused for leading to %s, when it is made and when it is changed', async (url, reason) => {
    const { webhook_id: id } = await make({ url: 'http://listed.example.test/', status: 'DISABLED' })
    const made = await send('POST', 'webhooks', { name: 'hook', url, events: [event] })
    expect(made.status).toBe(400)
    expect(made.json).toMatchObject({ error_code: 'INVALID_PARAMETER_VALUE', message: expect.stringContaining(reason) })
    const changed = await send('PATCH', `webhooks/${id}`, { url })
    // An empty URL in a change is as if there were none.
    expect(changed.status).toBe(url === '' ? 200 : 400)
    expect((await client.webhooks.get({ webhookId: id })).url).toBe('http://listed.example.test/')
    await client.webhooks.delete({ webhookId: id })
  })

  it('is refused field by field', async () => {
    const good = { name: 'hook', url: receiver.url, events: [event] }
    for (const [change, reason] of [
      [{ name: '-hook' }, 'Webhook name'],
      [{ name: 'a'.repeat(64) }, 'Webhook name'],
      [{ name: 'hook\n' }, 'Webhook name'],
      [{ events: [] }, "'events'"],
      [{ events: [{ entity: 'REGISTERED_MODEL', action: 'SET' }] }, "Valid actions are: ['created']"],
      [{ events: [{ entity: 'NOBODY', action: 'SET' }] }, 'events[0].entity'],
      [{ events: [{ entity: 'constructor', action: '__proto__' }] }, 'events[0].entity'],
      [{ status: 'ASLEEP' }, "'status'"],
      [{ secret: 'x'.repeat(1001) }, 'secret'],
    ] as const) {
      const { status, json } = await send('POST', 'webhooks', { ...good, ...change })
      expect([status, (json as { message: string }).message]).toEqual([400, expect.stringContaining(reason)])
    }
    const nobody = '00000000-0000-4000-8000-000000000000'
    for (const [method, path] of [
      ['GET', nobody],
      ['PATCH', nobody],
      ['DELETE', nobody],
      ['POST', `${nobody}/test`],
    ] as const) {
      const { status, json } = await send(method, `webhooks/${path}`, method === 'GET' ? undefined : {})
      expect([status, json]).toEqual([
        404,
        { error_code: 'RESOURCE_DOES_NOT_EXIST', message: `Webhook with ID ${nobody} not found.` },
      ])
    }
    expect((await send('GET', 'webhooks?max_results=1001')).json).toMatchObject({
      message: 'max_results must be between 1 and 1000.',
    })
    expect((await send('GET', 'webhooks?page_token=eyJvZmZzZXQiOi0xfQ==')).status).toBe(400)
  })
})

describe('slipway webhooks', () => {
  const slipway = (...args: readonly string[]): Promise<Ran> => runSlipway(app, ['webhooks', ...args])

  it('creates, lists, tests, shows deliveries, replays and deletes', async () => {
    const secret = join(app.dataDir, 'secret.txt')
    writeFileSync(secret, 'geheim\n')
    const events = 'registered_model.created, model_version.created'
    const created = await slipway('create', 'ci', receiver.url, events, '--secret-file', secret, '--json')
    const { webhookId } = JSON.parse(created.out) as { webhookId: string }
    expect((await slipway('ls')).out).toMatch(
      new RegExp(`${webhookId} +ci +active +yes +${receiver.url} +registered_model.created model_version.created\n`),
    )
    expect((await slipway('test', 'ci', '--event', 'model_version.created')).out).toContain('answered 200\nthanks')
    await client.registeredModels.create({ name: 'by-cli' })
    const rows = await eventually('it is delivered', async () => {
      const { out } = await slipway('deliveries', 'ci', '--status', 'delivered', '--json')
      const found = JSON.parse(out) as { deliveryId: string }[]
      return found.length > 0 ? found : undefined
    })
    const [{ deliveryId } = { deliveryId: '' }] = rows
    expect((await slipway('deliveries', webhookId)).out).toMatch(/registered_model\.created +delivered +1 .* 200/)
    expect((await slipway('replay', 'ci', deliveryId)).out).toBe(`delivery ${deliveryId} is sent again\n`)
    await eventually('it is told again', () => (of('by-cli').length === 2 ? true : undefined))
    expect(await slipway('deliveries', 'ci', '--status', 'lost')).toMatchObject({ code: 2 })
    expect((await slipway('replay', 'ci', 'nobody')).err).toContain('no delivery')
    expect((await slipway('rm', 'ci')).code).toBe(0)
    expect((await slipway('rm', 'ci')).err).toContain("there is no webhook 'ci'")
    const refused = await slipway('create', 'ci', 'https://127.0.0.2/', 'model_version.created')
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('non-public') })
  })

  it('tells of a test that failed, and of names that are not one webhook alone', async () => {
    const url = 'http://127.0.0.1:1/'
    for (let count = 0; count < 2; count++) await slipway('create', 'twin', url, 'prompt.created')
    expect((await slipway('test', 'twin')).err).toContain('several webhooks')
    const [twin, other] = (await client.webhooks.list({})).items
    expect(await slipway('test', twin?.webhookId ?? '')).toMatchObject({
      code: 1,
      err: expect.stringContaining('ECONNREFUSED'),
    })
    for (const each of [twin, other]) await slipway('rm', each?.webhookId ?? '')
  })
})

describe('a server that lists no receivers', () => {
  it('lets webhooks lead to public addresses by https alone', async () => {
    await using strict = await startTestApp()
    for (const url of ['https://localhost/', 'https://127.0.0.1/', receiver.url, 'http://listed.example.test/']) {
      const reply = await strict.post(`${api}/webhooks`, { name: 'hook', url, events: [event] })
      expect(reply.status, url).toBe(400)
    }
    const inside = await strict.post(`${api}/webhooks`, {
      name: 'hook',
      url: 'https://8.8.8.8/',
      events: [event],
      status: 'DISABLED',
    })
    expect(inside.status).toBe(200)
  })
})

describe('a server whose options for webhooks are wrong', () => {
  it('does not start', async () => {
    const start = (...flags: readonly string[]) => startTestApp({ flags: [...flags] })
    await expect(start('--registry.webhooks.allow', '10.0.0.0/99')).rejects.toThrow('registry.webhooks.allow')
    await expect(start('--registry.webhooks.key', 'short')).rejects.toThrow('32 random bytes')
  })
})
