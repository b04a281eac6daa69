import { createHash, randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestApp, type TestApp } from '../../src/testing/index.ts'

let app: TestApp

beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.stop())

const root = '/api/2.0/mlflow-artifacts'

interface Created {
  readonly upload_id: string
  readonly credentials: readonly { readonly url: string; readonly part_number: number; readonly headers: object }[]
}

const create = async (folder: string, path: string, parts: unknown): Promise<Response> =>
  app.post(`${root}/mpu/create/${folder}`, { path, num_parts: parts })

const created = async (folder: string, path: string, parts: number): Promise<Created> => {
  const reply = await create(folder, path, parts)
  expect(reply.status).toBe(200)
  return (await reply.json()) as Created
}

const putParts = async ({ credentials }: Created, bodies: readonly Uint8Array[]): Promise<object[]> =>
  Promise.all(
    credentials.map(async ({ url, part_number }, index) => {
      const reply = await fetch(url, { method: 'PUT', body: Buffer.from(bodies[index] ?? []) })
      expect(reply.status).toBe(200)
      return { part_number, etag: reply.headers.get('etag'), url }
    }),
  )

const complete = (folder: string, path: string, upload_id: string, parts: readonly object[]): Promise<Response> =>
  app.post(`${root}/mpu/complete/${folder}`, { path, upload_id, parts })

const errorOf = async (reply: Promise<Response>): Promise<unknown[]> => {
  const answer = await reply
  const { error_code: code, message } = (await answer.json()) as Readonly<Record<string, string>>
  return [answer.status, code, message]
}

const uploadsLeft = (): string[] => readdirSync(join(app.dataDir, 'artifacts', 'uploads'))

const invalid = (part: string): unknown[] => [400, 'INVALID_PARAMETER_VALUE', expect.stringContaining(part)]

describe('an upload in parts', () => {
  it('is announced, and downloads are not presigned where the server keeps the files', async () => {
    const info = (await (await app.fetch('/api/3.0/mlflow/server-info')).json()) as Readonly<Record<string, boolean>>
    expect(info['multipart_uploads_enabled']).toBe(true)
    expect(info['multipart_downloads_enabled']).toBe(false)
    expect(await errorOf(app.fetch(`${root}/presigned/0/a.bin`))).toEqual([
      501,
      'NOT_IMPLEMENTED',
      expect.stringContaining('Presigned download'),
    ])
  })

  it('becomes the artifact at the folder of the URL, by the name that the file has at the client', async () => {
    const bodies = [randomBytes(70_000), randomBytes(70_000), randomBytes(5)]
    for (const [folder, path] of [
      ['0/r1/artifacts', '/home/ada/model.bin'],
      ['0/r1/artifacts/data', 'C:\\Users\\ada\\model.bin'],
    ] as const) {
      const upload = await created(folder, path, 3)
      expect(upload.credentials.map(({ part_number }) => part_number)).toEqual([1, 2, 3])
      const parts = await putParts(upload, bodies)
      // In any order.
      const reply = await complete(folder, path, upload.upload_id, parts.toReversed())
      expect([reply.status, await reply.json()]).toEqual([200, {}])
      const read = await app.fetch(`${root}/artifacts/${folder}/model.bin`)
      expect(Buffer.from(await read.arrayBuffer()).equals(Buffer.concat(bodies))).toBe(true)
      expect(read.headers.get('etag')).toBe(`"${createHash('sha256').update(Buffer.concat(bodies)).digest('hex')}"`)
    }
    expect(uploadsLeft()).toEqual([])
  })

  it('may be completed again, at once or later, with the same answer', async () => {
    const upload = await created('0/r2', 'a.bin', 1)
    const parts = await putParts(upload, [randomBytes(1000)])
    const first = await Promise.all([1, 2, 3].map(() => complete('0/r2', 'a.bin', upload.upload_id, parts)))
    const later = await complete('0/r2', 'a.bin', upload.upload_id, parts)
    expect([...first, later].map(({ status }) => status)).toEqual([200, 200, 200, 200])
    const abort = app.post(`${root}/mpu/abort/0/r2`, { path: 'a.bin', upload_id: upload.upload_id })
    expect(await errorOf(abort)).toEqual([409, 'RESOURCE_CONFLICT', expect.stringContaining('finished')])
    expect((await app.fetch(`${root}/artifacts/0/r2/a.bin`)).status).toBe(200)
  })

  it('leaves nothing when it is aborted', async () => {
    const upload = await created('0/r3', 'a.bin', 2)
    const [part = {}] = await putParts({ ...upload, credentials: upload.credentials.slice(0, 1) }, [randomBytes(10)])
    const abort = (): Promise<Response> =>
      app.post(`${root}/mpu/abort/0/r3`, { path: 'a.bin', upload_id: upload.upload_id })
    expect((await abort()).status).toBe(200)
    const gone = [404, 'RESOURCE_DOES_NOT_EXIST', expect.stringContaining('no upload')]
    expect(await errorOf(abort())).toEqual(gone)
    expect(await errorOf(complete('0/r3', 'a.bin', upload.upload_id, [part]))).toEqual(gone)
    expect(await errorOf(fetch(upload.credentials[1]?.url ?? '', { method: 'PUT', body: 'x' }))).toEqual(gone)
    expect(uploadsLeft()).toEqual([])
    expect((await app.fetch(`${root}/artifacts/0/r3/a.bin`)).status).toBe(404)
  })

  it('ends at no other path than the one it was begun for', async () => {
    const upload = await created('0/r4/artifacts', 'a.bin', 1)
    const parts = await putParts(upload, [randomBytes(10)])
    for (const [folder, path] of [
      ['0/r5/artifacts', 'a.bin'],
      ['0/r4', 'a.bin'],
      ['0/r4/artifacts', 'b.bin'],
      ['0/r4/artifacts/a.bin', 'a.bin'],
    ] as const) {
      expect(await errorOf(complete(folder, path, upload.upload_id, parts))).toEqual(invalid('another path'))
      const abort = app.post(`${root}/mpu/abort/${folder}`, { path, upload_id: upload.upload_id })
      expect(await errorOf(abort)).toEqual(invalid('another path'))
    }
    expect((await complete('0/r4/artifacts', 'a.bin', upload.upload_id, parts)).status).toBe(200)
  })

  it('is refused into the folder of a registered version', async () => {
    const folder = '0/models/m-sealed/artifacts'
    const begun = await created(folder, 'late.bin', 1)
    const parts = await putParts(begun, [randomBytes(10)])
    await app.fetch(`${root}/artifacts/${folder}/MLmodel`, { method: 'PUT', body: 'flavors: {}' })
    await app.post('/api/2.0/mlflow/registered-models/create', { name: 'sealed' })
    const source = `mlflow-artifacts:/${folder}`
    const version = await app.post('/api/2.0/mlflow/model-versions/create', { name: 'sealed', source })
    expect(version.status).toBe(200)
    const sealed = [409, 'RESOURCE_CONFLICT', expect.stringContaining("can't change")]
    expect(await errorOf(create(folder, 'other.bin', 1))).toEqual(sealed)
    expect(await errorOf(complete(folder, 'late.bin', begun.upload_id, parts))).toEqual(sealed)
    expect((await app.fetch(`${root}/artifacts/${folder}/late.bin`)).status).toBe(404)
  })
})

describe('bad input to uploads in parts', () => {
  it.each([0, -1, 10_001, 1e15, 1.5, '', null, 'x', [1], {}])('refuses %j parts', async (parts) => {
    expect(await errorOf(create('0/bad', 'a.bin', parts))).toEqual(invalid('num_parts'))
    expect(uploadsLeft().length).toBeLessThanOrEqual(1)
  })

  it('allows as many parts as there may be', async () => {
    const { credentials } = await created('0/many', 'a.bin', 10_000)
    expect(credentials).toHaveLength(10_000)
  })

  it.each([
    '..',
    '.',
    '',
    'a/',
    '%2e%2e',
    '%252e%252e',
    '..%2f..%2fetc',
    'a\u0000b',
    'a#b',
    `${'x'.repeat(256)}`,
    'a/..',
    '..\\..',
  ])('refuses a file whose local path is %j', async (path) => {
    const [status, code] = await errorOf(create('0/bad', path, 1))
    expect([status, code]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
  })

  it.each([
    '%2e%2e%2fx',
    '%252e%252e/x',
    'a/%2e%2e%2f%2e%2e',
    '..%5c..',
    '%2fetc',
    'C:/x',
    'http:%2f%2fx',
    'a//b',
    '%00',
  ])('refuses the folder %j', async (folder) => {
    for (const verb of ['create', 'complete', 'abort']) {
      const body = { path: 'a.bin', num_parts: 1, upload_id: 'x', parts: [{ part_number: 1, etag: 'x' }] }
      const reply = await app.post(`${root}/mpu/${verb}/${folder}`, body)
      expect([verb, reply.status]).toEqual([verb, 400])
    }
  })

  it('refuses parts that are twice, missing, of another etag or no parts at all', async () => {
    const upload = await created('0/parts', 'a.bin', 2)
    const [one = {}, two = {}] = await putParts(upload, [randomBytes(10), randomBytes(10)])
    const wrong: readonly (readonly [readonly object[], string])[] = [
      [[], 'parts'],
      [[one, one], 'comes after'],
      [[one, two, { part_number: 3, etag: 'x' }], 'Part 3'],
      [[one, { ...two, etag: '"00"' }], 'another etag'],
      [[one, { ...two, etag: null }], 'parts[1].etag'],
      [[{ etag: 'x' }], 'parts[0].part_number'],
      [[{ ...one, part_number: 0 }], '1 to 10000'],
      [[{ ...one, part_number: 10_001 }], '1 to 10000'],
      [Array.from({ length: 10_001 }, (_, index) => ({ part_number: index + 1, etag: 'x' })), '1 to 10000'],
    ]
    for (const [parts, part] of wrong)
      expect(await errorOf(complete('0/parts', 'a.bin', upload.upload_id, parts)), part).toEqual(invalid(part))
    expect((await complete('0/parts', 'a.bin', upload.upload_id, [one, two])).status).toBe(200)
  })

  it.each(['x', '0', '-1', '10001', '1e3', '1.0', '..%2f1', '%00'])('refuses part number %j', async (number) => {
    const upload = await created('0/number', 'a.bin', 1)
    const url = `${app.addresses.http}${root}/mpu/parts/${upload.upload_id}/${number}`
    const [status, code] = await errorOf(fetch(url, { method: 'PUT', body: 'x' }))
    expect([status, code]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
  })

  it.each(['x', '..%2f..%2fsha256', '%2e%2e', 'a'.repeat(32), '__proto__', 'a'.repeat(300)])(
    'knows no upload %j',
    async (id) => {
      const url = `${app.addresses.http}${root}/mpu/parts/${id}/1`
      expect((await fetch(url, { method: 'PUT', body: 'x' })).status).toBe(404)
      const reply = await complete('0/x', 'a.bin', decodeURIComponent(id), [{ part_number: 1, etag: 'x' }])
      expect(reply.status).toBe(404)
    },
  )

  it('refuses what is above the limit of a file, in one part or in all of them', async () => {
    await using small = await startTestApp({ flags: ['--http.upload-bytes-max', '2000'] })
    const reply = await small.post(`${root}/mpu/create/0/r`, { path: 'a.bin', num_parts: 2 })
    const upload = (await reply.json()) as Created
    const tooMuch = await fetch(upload.credentials[0]?.url ?? '', { method: 'PUT', body: Buffer.alloc(2001) })
    expect(tooMuch.status).toBe(413)
    const parts = await putParts(upload, [Buffer.alloc(1500), Buffer.alloc(1500)])
    const whole = await small.post(`${root}/mpu/complete/0/r`, { path: 'a.bin', upload_id: upload.upload_id, parts })
    expect(whole.status).toBe(413)
  })
})

describe('the URLs of parts', () => {
  const urlFor = async (on: TestApp, headers: Readonly<Record<string, string>>): Promise<string> => {
    const reply = await on.fetch(`${root}/mpu/create/0/url`, {
      method: 'POST',
      body: JSON.stringify({ path: 'a.bin', num_parts: 1 }),
      headers: { 'content-type': 'application/json', ...headers },
    })
    return ((await reply.json()) as Created).credentials[0]?.url ?? ''
  }

  it('are at the server as the client reached it, by https behind a proxy that says so', async () => {
    expect(await urlFor(app, {})).toMatch(new RegExp(`^${app.addresses.http}${root}/mpu/parts/[0-9a-f]{32}/1$`))
    const secure = await urlFor(app, { 'x-forwarded-proto': 'https' })
    expect(secure.startsWith(app.addresses.http.replace('http:', 'https:'))).toBe(true)
    expect(await urlFor(app, { 'x-forwarded-proto': 'javascript' })).toMatch(/^http:/)
  })

  it('are below the public URL where one is set', async () => {
    await using behind = await startTestApp({ flags: ['--mlflow.public-url', 'https://ml.example.org/tracking/'] })
    expect(await urlFor(behind, {})).toMatch(/^https:\/\/ml\.example\.org\/tracking\/api\/2\.0\/mlflow-artifacts\/mpu/)
  })
})
