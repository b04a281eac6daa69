import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestApp, type TestApp } from '../../src/testing/index.ts'

const api = '/api/2.0/mlflow'
const artifacts = '/api/2.0/mlflow-artifacts/artifacts'
let app: TestApp
let runId: string

/** Sends a path as it is: fetch would tidy it up first. */
const raw = (
  method: string,
  path: string,
  { body = '', headers = {} }: { readonly body?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<{ status: number; text: string }> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(app.addresses.http)
    const sent = request({ hostname, port, method, path, headers }, (response) => {
      const pieces: Buffer[] = []
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(pieces).toString() }))
    })
    sent.on('error', reject)
    sent.end(body)
  })

const json = async <T>(reply: Response): Promise<T> => (await reply.json()) as T

beforeAll(async () => {
  app = await startTestApp()
  writeFileSync(join(app.dataDir, 'secret.txt'), 'secret')
  const created = await app.post(`${api}/runs/create`, { experiment_id: '0', start_time: 1 })
  runId = (await json<{ run: { info: { run_id: string } } }>(created)).run.info.run_id
  await app.fetch(`${artifacts}/0/${runId}/artifacts/a.txt`, { method: 'PUT', body: 'hello' })
})
afterAll(() => app.stop())

const ways = [
  '../secret.txt',
  '..%2fsecret.txt',
  '%2e%2e/secret.txt',
  '%2e%2e%2fsecret.txt',
  '%252e%252e%252fsecret.txt',
  '%25252e%25252e%25252fsecret.txt',
  '%252525252525252525252e%252525252525252525252e%252fx',
  '..%5csecret.txt',
  '%2e%2e%5csecret.txt',
  '..%c0%afsecret.txt',
  '%c0%ae%c0%ae/secret.txt',
  'a/../../../secret.txt',
  'a/%2e%2e/%2e%2e/secret.txt',
  'a;/../../secret.txt',
  '%2fetc%2fpasswd',
  '/etc/passwd',
  'C:%5cWindows%5cwin.ini',
  'C:/Windows/win.ini',
  '%5c%5chost%5cshare',
  'file:%2f%2f%2fetc%2fpasswd',
  'file:/etc/passwd',
  'dbfs:/etc/passwd',
  'a%00.txt',
  'a%0d%0aset-cookie:x',
  'a%23/../secret.txt',
  'a%3fx=..%2fsecret.txt',
] as const

describe('paths of artifacts', () => {
  it.each(ways)('never lead out of the artifacts: %s', async (way) => {
    const kept = readdirSync(app.dataDir, { recursive: true }).length
    for (const prefix of ['/api', '/ajax-api']) {
      const root = `${prefix}/2.0/mlflow-artifacts/artifacts`
      for (const [method, path] of [
        ['GET', `${root}/${way}`],
        ['PUT', `${root}/${way}`],
        ['DELETE', `${root}/${way}`],
        ['GET', `${root}?path=${way}`],
        ['GET', `/get-artifact?run_id=${runId}&path=${way}`],
        ['GET', `${prefix}/2.0/mlflow/artifacts/list?run_id=${runId}&path=${way}`],
      ] as const) {
        const { status, text } = await raw(method, path, { body: method === 'PUT' ? 'overwritten' : '' })
        expect(status, `${method} ${path}`).toBeGreaterThanOrEqual(400)
        expect(status).toBeLessThan(500)
        expect(text).not.toMatch(/secret$|root:|overwritten/)
      }
    }
    expect(readFileSync(join(app.dataDir, 'secret.txt'), 'utf8')).toBe('secret')
    expect(readdirSync(app.dataDir, { recursive: true }).length).toBe(kept)
  })

  it('are no names of files on the disk, so that a link there leads nowhere', async () => {
    const root = join(app.dataDir, 'artifacts', '0')
    mkdirSync(root, { recursive: true })
    symlinkSync('/etc', join(root, 'etc'))
    expect((await app.fetch(`${artifacts}/0/etc/passwd`)).status).toBe(404)
  })

  it('of a file can not also be a folder', async () => {
    const put = (path: string): Promise<Response> => app.fetch(`${artifacts}/x/${path}`, { method: 'PUT', body: 'x' })
    expect((await put('file')).status).toBe(200)
    expect((await put('file/below')).status).toBe(400)
    expect((await put('folder/file')).status).toBe(200)
    expect((await put('folder')).status).toBe(400)
  })

  it('are sent as attachments whose type nobody guesses', async () => {
    await app.fetch(`${artifacts}/x/page.html`, { method: 'PUT', body: '<script>alert(1)</script>' })
    const reply = await app.fetch(`${artifacts}/x/page.html`)
    expect(reply.headers.get('content-disposition')).toMatch(/^attachment/)
    expect(reply.headers.get('x-content-type-options')).toBe('nosniff')
    expect(reply.headers.get('content-type')).not.toContain('html')
  })
})

describe('places that callers name', () => {
  it.each([
    'file:///etc',
    'FILE:///etc',
    'file:/etc',
    '/etc',
    '../../etc',
    'mlflow-artifacts://h/../../etc',
    'mlflow-artifacts:/0/%2e%2e/%2e%2e/etc',
    'mlflow-artifacts:/0/%252e%252e/etc',
    'mlflow-artifacts:/0;/../etc',
    'models:/../../etc',
    'models:/x/../1',
    'runs:/../../etc',
    'runs:/0123/../../etc',
    '\\..\\..\\etc',
    'C:\\Windows',
    's3://bucket/../../etc',
    'http://h/x#/../etc',
    'http:etc',
    'dbfs:/../etc',
    '//etc/passwd',
    'a'.repeat(5000),
  ])('are refused as the source of a version: %s', async (source) => {
    await app.post(`${api}/registered-models/create`, { name: 'sources' })
    for (const tags of [[], [{ key: 'mlflow.prompt.is_prompt', value: 'true' }]]) {
      const reply = await app.post(`${api}/model-versions/create`, { name: 'sources', source, run_id: runId, tags })
      expect(reply.status).toBeGreaterThanOrEqual(400)
      expect(reply.status).toBeLessThan(500)
    }
    const found = await json<object>(await app.fetch(`${api}/model-versions/search?filter=name%3D'sources'`))
    expect(found).toEqual({})
  })

  it.each([
    'file:///etc',
    '/etc',
    'mlflow-artifacts:/../..',
    'http://h/?a=../../etc',
    's3://b/a#b',
    's3://b/;../x',
    'runs:/x',
  ])('are refused as the place of an experiment: %s', async (location) => {
    const body = { name: `at ${location}`, artifact_location: location }
    expect((await app.post(`${api}/experiments/create`, body)).status).toBe(400)
  })
})

describe('who may drive the server from a browser', () => {
  it('is nobody of another name or origin', async () => {
    const path = `${api}/experiments/search?max_results=1`
    expect((await raw('GET', path, { headers: { host: 'evil.test' } })).status).toBe(403)
    const simple = { 'content-type': 'text/plain', origin: 'http://evil.test' }
    const body = JSON.stringify({ name: 'by another page' })
    expect((await raw('POST', `${api}/experiments/create`, { body, headers: simple })).status).toBe(403)
    expect(
      (await raw('POST', `${api}/experiments/create`, { body, headers: { 'content-type': 'text/plain' } })).status,
    ).toBe(400)
    expect((await app.fetch(`${api}/experiments/get-by-name?experiment_name=by another page`)).status).toBe(404)
  })
})

describe('names', () => {
  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'like %s are names like any other',
    async (name) => {
      expect((await app.post(`${api}/experiments/create`, { name })).status).toBe(200)
      expect((await app.post(`${api}/registered-models/create`, { name })).status).toBe(200)
      const source = { name, source: 'mlflow-artifacts:/0/m' }
      expect((await app.post(`${api}/model-versions/create`, source)).status).toBe(200)
      const alias = { name, alias: name, version: '1' }
      expect((await app.post(`${api}/registered-models/alias`, alias)).status).toBe(200)
      for (const [path, body] of [
        ['set-tag', { key: name, value: 'v' }],
        ['log-parameter', { key: name, value: 'v' }],
        ['log-metric', { key: name, value: 1, timestamp: 1 }],
      ] as const)
        expect((await app.post(`${api}/runs/${path}`, { run_id: runId, ...body })).status).toBe(200)
      const { run } = await json<{ run: { data: Record<string, readonly { key: string }[]> } }>(
        await app.fetch(`${api}/runs/get?run_id=${runId}`),
      )
      for (const part of ['tags', 'params', 'metrics']) expect(run.data[part]?.map(({ key }) => key)).toContain(name)
      const found = await app.fetch(`${api}/registered-models/alias?name=${name}&alias=${name}`)
      expect(await json<object>(found)).toMatchObject({ model_version: { name, version: '1', aliases: [name] } })
      expect(({} as Record<string, unknown>)['v']).toBeUndefined()
    },
  )

  it('have one spelling: no twin by encoding', async () => {
    for (const name of ['a/b', 'a:b', 'a%2Fb/', ''])
      expect((await app.post(`${api}/registered-models/create`, { name })).status).toBe(400)
    for (const key of ['../x', '/x', 'a//b', './x', 'x'.repeat(251), 'a\u0000', 'a#b'])
      expect((await app.post(`${api}/runs/set-tag`, { run_id: runId, key, value: 'v' })).status).toBe(400)
  })
})

describe('searches', () => {
  it.each([
    ["name = 'x'; DROP TABLE experiments", []],
    ["name = 'x' UNION SELECT name FROM sqlite_master", []],
    ["name LIKE '", []],
    ['('.repeat(2000) + "name = 'x'" + ')'.repeat(2000), []],
    ["name = 'x' OR ".repeat(20_000) + "name = 'x'", []],
    ['', ['name; DROP TABLE experiments']],
    ['', ['(SELECT 1)']],
    ['', ['name ASC, name DESC', 'name ASC']],
  ])('are taken as they are meant or refused: %.40s %j', async (filter, orderBy) => {
    const body = { filter, order_by: orderBy, max_results: 10 }
    const reply = await app.post(`${api}/experiments/search`, body)
    expect(reply.status).toBe(400)
    expect(await json<object>(reply)).toMatchObject({ error_code: 'INVALID_PARAMETER_VALUE' })
    expect((await app.fetch(`${api}/experiments/get?experiment_id=0`)).status).toBe(200)
  })

  it('take a pattern of many wildcards without hanging', async () => {
    const body = { filter: `name LIKE '${'%a'.repeat(2000)}b'`, max_results: 10 }
    expect((await app.post(`${api}/experiments/search`, body)).status).toBeLessThan(500)
  })

  it.each([
    'eyJvZmZzZXQiOi0xfQ==',
    'bm8gSlNPTg==',
    '%%%',
    '[]',
    'e30=',
    'x'.repeat(100_000),
    Buffer.from('{"__proto__":{"a":1}}').toString('base64'),
  ])('refuse a forged token: %.40s', async (token) => {
    for (const path of ['experiments', 'runs']) {
      const body = { experiment_ids: ['0'], max_results: 1, page_token: token }
      expect((await app.post(`${api}/${path}/search`, body)).status).toBe(400)
    }
  })

  it.each([0, -1, 1_000_000_000, 1.5, 'many'])('refuse a page of %s', async (count) => {
    expect((await app.post(`${api}/experiments/search`, { max_results: count })).status).toBe(400)
  })
})

describe('bodies', () => {
  it.each([
    ['[', 400],
    ['', 400],
    ['null', 400],
    ['"text"', 400],
    ['{"name":'.repeat(10_000), 400],
    [`{"name":"${'x'.repeat(501)}"}`, 400],
    ['{"name":1}', 400],
    ['{"name":{"$gt":""}}', 400],
    ['{"name":["a"]}', 400],
  ])('that are no request are refused: %.40s', async (body, status) => {
    const headers = { 'content-type': 'application/json' }
    const reply = await app.fetch(`${api}/experiments/create`, { method: 'POST', body, headers })
    expect(reply.status).toBe(status)
    expect(await json<object>(reply)).toHaveProperty('error_code')
  })

  it.each([
    { timestamp: 9_223_372_036_854_775_000n },
    { timestamp: -1 },
    { timestamp: 1, step: 9_223_372_036_854_775_807n },
    { timestamp: 1, value: 'high' },
    { timestamp: 1, value: null },
  ])('with a measurement that is none are refused', async (fields) => {
    const given = { run_id: runId, key: 'm', value: 1, ...fields }
    const body = JSON.stringify(given, (_, value: unknown) => (typeof value === 'bigint' ? `#${value}#` : value))
    const headers = { 'content-type': 'application/json' }
    const text = body.replaceAll(/"#(\d+)#"/g, '$1')
    const reply = await app.fetch(`${api}/runs/log-metric`, { method: 'POST', body: text, headers })
    expect(reply.status).toBe(400)
  })

  it('with more than a batch holds are refused whole', async () => {
    const metrics = Array.from({ length: 1001 }, (_, step) => ({ key: 'many', value: 1, timestamp: 1, step }))
    expect((await app.post(`${api}/runs/log-batch`, { run_id: runId, metrics })).status).toBe(400)
    const history = await app.fetch(`${api}/metrics/get-history?run_id=${runId}&metric_key=many`)
    expect(await json<object>(history)).toEqual({})
  })
})
