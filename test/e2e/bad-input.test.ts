import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { deflateSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addModel, eventually, inferBody, liveBytes, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'

let app: TestApp

beforeAll(async () => {
  app = await startTestApp({
    models: {
      'add/1/model.mjs': addModel(1),
      'echo/1/model.echo.json': JSON.stringify({ inputs: [{ name: 'text', datatype: 'BYTES', shape: [-1] }] }),
      'matrix/1/model.echo.json': JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, -1] }] }),
      'rows/1/model.mjs': `
        const any = { datatype: 'FP32', shape: [-1, -1] }
        export const signature = { inputs: [{ name: 'x', ...any }], outputs: [{ name: 'y', ...any }] }
        export const predict = () => ({ y: { shape: [1e9, 0], data: [] } })`,
      'wide/1/model.echo.json': JSON.stringify({
        inputs: [
          { name: 'a', datatype: 'INT64', shape: [-1, 2] },
          { name: 'b', datatype: 'FP32', shape: [-1, 3] },
        ],
      }),
    },
    flags: ['--http.body-bytes-max', '4MiB', '--http.header-timeout-ms', '1s', '--http.request-timeout-ms', '2s'],
  })
})

afterAll(async () => {
  // Whatever was thrown at it, the server is as it was.
  expect(await (await app.post('/v2/models/add/infer', inferBody([1]))).json()).toMatchObject({
    outputs: [{ data: [2] }],
  })
  await app.stop()
})

const refusal = async (response: Response): Promise<{ status: number; error: string; code: string | null }> => {
  const { error } = (await response.json()) as { error: string }
  return { status: response.status, error, code: response.headers.get('slipway-error') }
}

const infer = async (body: unknown, model = 'add'): Promise<{ status: number; error: string; code: string | null }> =>
  refusal(await app.post(`/v2/models/${model}/infer`, body))

const input = (change: Readonly<Record<string, unknown>>): Record<string, unknown> => ({
  inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1], data: [1], ...change }],
})

describe('a request that contradicts itself or the model', () => {
  it.each([
    ['a wrong name', input({ name: 'nope' }), /unexpected inference input 'nope'; the model takes x/],
    ['a wrong type', input({ datatype: 'FP64' }), /expected datatype FP32, got FP64/],
    ['an unknown type', input({ datatype: 'FP31' }), /unknown datatype 'FP31'/],
    ['a wrong rank', input({ shape: [1] }), /expected shape \[-1,1\], got \[1\]/],
    ['a wrong dimension', input({ shape: [1, 2], data: [1, 2] }), /expected shape \[-1,1\], got \[1,2\]/],
    ['too few values', input({ shape: [2, 1] }), /takes 2 values, got 1/],
    ['too many values', input({ data: [1, 2, 3] }), /takes 1 values, got 3/],
    ['a negative dimension', input({ shape: [-1, 1] }), /dimension -1/],
    ['a fractional dimension', input({ shape: [1.5, 1] }), /dimension 1.5/],
    ['a text for a dimension', input({ shape: ['2', 2] }), /dimension "2"; dimensions are whole numbers from 0 to/],
    [
      'a dimension that no number holds',
      JSON.stringify(input({ shape: [1, 1] })).replace('[1,1]', '[4611686018427387905,8]'),
      /dimension 4611686018427387905; dimensions/,
    ],
    ['a list for a dimension', input({ shape: [[2], 2] }), /dimension a list; dimensions/],
    ['an id that is no text', { ...input({}), id: true }, /'id' must be a string or a number/],
    ['a huge shape', input({ shape: [2147483647, 2147483647, 2147483647], data: [] }), /too many elements/],
    ['a shape as large as memory', input({ shape: [1e9, 1e6], data: [1] }), /values, got 1/],
    ['a text among numbers', input({ data: ['1'] }), /value 0 \("1"\) is not a FP32/],
    ['a null among numbers', input({ data: [null] }), /value 0 \(null\) is not a FP32/],
    ['a number too large for FP32', input({ data: [1e39] }), /tensor 'x': value 0 \(1e\+39\) is too large for FP32/],
    ['one that is too negative', input({ shape: [2, 1], data: [1, -3.5e38] }), /value 1 \(-3.5e\+38\) is too large/],
    ['no data', input({ data: undefined }), /has no 'data'/],
    ['data that are no list', input({ data: 7 }), /'data' must be a list/],
    ['no inputs', {}, /must have a list 'inputs'/],
    ['an empty list of inputs', { inputs: [] }, /'x': the input is missing/],
    [
      'the same input twice',
      { inputs: [...(input({})['inputs'] as []), ...(input({})['inputs'] as [])] },
      /given more than once/,
    ],
    [
      'an input too many',
      { inputs: [...(input({})['inputs'] as []), { name: 'more', datatype: 'FP32', shape: [1, 1], data: [1] }] },
      /unexpected inference input 'more'; the model takes x/,
    ],
    ['an unknown output', { ...input({}), outputs: [{ name: 'z' }] }, /unexpected inference output 'z'/],
    ['an output twice', { ...input({}), outputs: [{ name: 'y' }, { name: 'y' }] }, /requested more than once/],
    ['a reserved parameter', { ...input({}), parameters: { triton_magic: 1 } }, /'triton_magic' is reserved/],
    ['a nested parameter', { ...input({}), parameters: { deep: {} } }, /must be a string, a number or a boolean/],
    ['a list for a body', '[1,2]', /must be a JSON object/],
    [
      'shared memory',
      input({ data: undefined, parameters: { shared_memory_region: 'r' } }),
      /shared memory is not supported/,
    ],
  ])('%s is refused with the reason', async (_, body, reason) => {
    const { status, error } = await infer(body)
    expect(error).toMatch(reason)
    expect([400, 501]).toContain(status)
  })

  it('an id may be a number, whose digits come back, or null, which is none', async () => {
    const ids = ['7', '9007199254740993', 'null'].map(async (id) => {
      const body = `{"id":${id},"parameters":null,${JSON.stringify(input({})).slice(1)}`
      return ((await (await app.post('/v2/models/add/infer', body)).json()) as { id?: string }).id
    })
    expect(await Promise.all(ids)).toEqual(['7', '9007199254740993', undefined])
  })

  it('a name of a repository is refused as not supported', async () => {
    for (const path of ['foo/index', 'foo/models/add/load', 'foo/models/add/unload'])
      expect(await refusal(await app.post(`/v2/repository/${path}`)), path).toMatchObject({
        status: 501,
        error: 'naming a model repository is not supported',
      })
  })

  it('infinities that are meant pass', async () => {
    const response = await app.post(
      '/v2/models/add/infer',
      '{"inputs":[{"name":"x","datatype":"FP32","shape":[2,1],"data":[Infinity,-Infinity]}]}',
    )
    expect(await response.text()).toContain('"data":[Infinity,-Infinity]')
  })

  it('rows that differ between inputs', async () => {
    const body = {
      inputs: [
        { name: 'a', datatype: 'INT64', shape: [1, 2], data: [1, 2] },
        { name: 'b', datatype: 'FP32', shape: [2, 3], data: [1, 2, 3, 4, 5, 6] },
      ],
    }
    expect(await infer(body, 'wide')).toMatchObject({
      status: 400,
      error: expect.stringMatching(/one batch size/) as unknown,
    })
  })

  it.each([
    ['nope', 404, 'model_not_found', /Request for unknown model: 'nope'/],
    ['add/versions/9', 404, 'version_not_found', /version 9 is not found/],
    ['add/versions/x', 404, 'version_not_found', /version x is not found/],
    ['..%2f..%2fetc', 404, 'model_not_found', /unknown model/],
    ['__proto__', 404, 'model_not_found', /unknown model/],
    ['constructor', 404, 'model_not_found', /unknown model/],
    ['add%00', 404, 'model_not_found', /unknown model/],
    ['add/versions/__proto__', 404, 'version_not_found', /is not found/],
  ])('model %s is answered %d', async (model, status, code, reason) => {
    const answer = await refusal(await app.post(`/v2/models/${model}/infer`, inferBody([1])))
    expect(answer).toMatchObject({ status, code })
    expect(answer.error).toMatch(reason)
  })
})

describe('bytes that are no text', () => {
  it.each([1, 20_000])('are refused as JSON and sent as bytes: %s', async (count) => {
    const element = Buffer.from([2, 0, 0, 0, 0xff, 0])
    const data = Buffer.alloc(count * element.length, element)
    const send = (binary: boolean): Promise<Response> => {
      const input = { name: 'text', datatype: 'BYTES', shape: [count], parameters: { binary_data_size: data.length } }
      const json = Buffer.from(JSON.stringify({ inputs: [input], parameters: { binary_data_output: binary } }))
      return app.fetch('/v2/models/echo/infer', {
        method: 'POST',
        body: Buffer.concat([json, data]),
        headers: { 'inference-header-content-length': String(json.length) },
      })
    }
    const { status, error } = await refusal(await send(false))
    expect([status, error]).toEqual([
      400,
      expect.stringMatching(/^output 'text' is no text.* ask for it with "binary_data"/),
    ])
    expect(Buffer.from(await (await send(true)).arrayBuffer()).subarray(-data.length)).toEqual(data)
  })
})

describe('rows that hold nothing', () => {
  it('may be as many as a number can say, also when their classes are asked for', async () => {
    const rows = 2 ** 50
    const response = await app.post('/v2/models/matrix/infer', {
      inputs: [{ name: 'x', datatype: 'FP32', shape: [rows, 0], data: [] }],
      outputs: [{ name: 'x', parameters: { classification: 1 } }],
    })
    expect(await response.json()).toMatchObject({ outputs: [{ datatype: 'BYTES', shape: [rows, 0], data: [] }] })
  })

  it.each(['invocations', 'predict'])('are not written one by one by %s', async (path) => {
    const response = await app.post(`/api/slipway/v1/models/rows/${path}`, {
      [path === 'predict' ? 'data' : 'inputs']: [[1]],
    })
    expect([response.status, await response.text()]).toEqual([413, expect.stringContaining('send fewer rows at once')])
  })
})

describe('a body that is not what it says', () => {
  it.each([
    ['', /failed to parse/],
    ['{', /failed to parse/],
    ['{"inputs":[}', /failed to parse.*at byte/],
    ['\u0000', /failed to parse/],
  ])('%j is refused', async (body, reason) => {
    const { status, error } = await infer(body)
    expect(status).toBe(400)
    expect(error).toMatch(reason)
  })

  // Why refused: of two, some servers and proxies take the first and others the last.
  it.each([
    ['that is small', ''],
    ['with a number that is read digit by digit', ',"parameters":{"large":12345678901234567890}'],
    ['that is read on a thread of its own', `,"parameters":{"long":"${'a'.repeat(300_000)}"}`],
  ])('a name twice in one object of a body %s', async (_, more) => {
    const one = '"name":"x","datatype":"FP32","shape":[1,1],"data":[1]'
    const send = (id: string, input: string): Promise<Response> =>
      app.post('/v2/models/add/infer', `{${id},"inputs":[{${input}}]${more}}`)
    expect((await send('"id":"a"', one)).status).toBe(200)
    for (const [twice, body] of [
      ['id', () => send('"id":"a","id":"b"', one)],
      ['id', () => send('"id":"a","\\u0069d":"a"', one)],
      ['data', () => send('"id":"a"', `${one},"data":[1]`)],
    ] as const) {
      const { status, error } = await refusal(await body())
      expect(status).toBe(400)
      expect(error).toContain(`the name "${twice}" appears twice`)
    }
  })

  it('a million levels of nesting', async () => {
    const deep = '['.repeat(1_000_000)
    expect(await infer(deep)).toMatchObject({
      status: 400,
      error: expect.stringMatching(/nesting deeper than 100/) as unknown,
    })
    expect(await infer(`{"inputs":${'['.repeat(20_000)}${']'.repeat(20_000)}}`)).toMatchObject({ status: 400 })
  })

  it('__proto__ as a key changes nothing', async () => {
    const response = await app.post(
      '/v2/models/add/infer',
      `{"__proto__":{"polluted":1},"inputs":[{"__proto__":{"a":1},"name":"x","datatype":"FP32","shape":[1,1],"data":[1]}],"parameters":{"__proto__":"x","constructor":"y"}}`,
    )
    expect(response.status).toBe(200)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  const raw = (
    headers: Readonly<Record<string, string>>,
    body: string | Uint8Array<ArrayBuffer>,
  ): Promise<{ status: number; error: string; code: string | null }> =>
    app.fetch('/v2/models/add/infer', { method: 'POST', headers, body }).then(refusal)

  const binary = '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"parameters":{"binary_data_size":4}}]}'

  it.each([
    ['a header length that is no number', { 'inference-header-content-length': 'x' }, binary, /whole number/],
    ['a negative header length', { 'inference-header-content-length': '-1' }, binary, /whole number/],
    [
      'a header length beyond the body',
      { 'inference-header-content-length': '2147483648' },
      binary,
      /the body has only/,
    ],
    [
      'binary data cut short',
      { 'inference-header-content-length': String(binary.length) },
      `${binary}abc`,
      /claims 4 bytes.*3 are left/,
    ],
    [
      'binary data left over',
      { 'inference-header-content-length': String(binary.length) },
      `${binary}abcdefgh`,
      /4 bytes of binary data that no input claims/,
    ],
    ['binary size and data', { 'inference-header-content-length': '0' }, 'abc', /raw body has 3 bytes/],
  ])('%s', async (_, headers, body, reason) => {
    const { status, error } = await raw(headers as Record<string, string>, body)
    expect(status).toBe(400)
    expect(error).toMatch(reason)
  })

  it('BYTES whose lengths lie', async () => {
    const json = '{"inputs":[{"name":"text","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":8}}]}'
    const body = Buffer.concat([Buffer.from(json), Buffer.from([0xff, 0xff, 0xff, 0x7f, 1, 2, 3, 4])])
    const response = await app.fetch('/v2/models/echo/infer', {
      method: 'POST',
      headers: { 'inference-header-content-length': String(json.length) },
      body,
    })
    expect(await refusal(response)).toMatchObject({
      status: 400,
      error: expect.stringMatching(/claims 2147483647 bytes, 4 are left/) as unknown,
    })
  })

  it('a body above the limit, declared or not, and a compressed one that would grow beyond it', async () => {
    expect(await infer(`"${'a'.repeat(5 * 1024 * 1024)}"`)).toMatchObject({ status: 413, code: 'payload_too_large' })
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024))
    expect(bomb.length).toBeLessThan(100_000)
    expect(await raw({ 'content-encoding': 'gzip' }, Uint8Array.from(bomb))).toMatchObject({ status: 413 })
    expect(
      await raw({ 'content-encoding': 'deflate' }, Uint8Array.from(deflateSync(Buffer.alloc(64 * 1024 * 1024)))),
    ).toMatchObject({ status: 413 })
  })

  it.each([
    'text/csv',
    'multipart/form-data; boundary=x',
    'application/xml',
    'application/x-protobuf',
    'Image/PNG',
    'json',
  ])('of the type %s is refused', async (type) => {
    const response = await app.fetch('/v2/models/add/infer', {
      method: 'POST',
      headers: { 'content-type': type },
      body: JSON.stringify(inferBody([1])),
    })
    const { status, error, code } = await refusal(response)
    expect({ status, code }).toEqual({ status: 415, code: 'unsupported_media_type' })
    expect(error).toContain(`content type '${type}' is not supported here`)
  })

  it.each([
    'application/json; charset=utf-8',
    'APPLICATION/JSON',
    'application/vnd.kserve+json',
    'application/octet-stream',
    'application/x-www-form-urlencoded',
    'text/plain;charset=UTF-8',
    '',
  ])('of JSON is read when clients call it %j', async (type) => {
    const body = JSON.stringify(inferBody([1]))
    const path = '/v2/models/add/infer'
    const headers = { 'content-type': type, connection: 'close' }
    const { hostname, port } = new URL(app.addresses.http)
    const answer = await new Promise<IncomingMessage>((resolve) =>
      request({ hostname, port, path, method: 'POST', headers }, resolve).end(body),
    )
    expect(answer.resume().statusCode).toBe(200)
  })

  it('of raw data may have any type: it is the tensor', async () => {
    const response = await app.fetch('/v2/models/add/infer', {
      method: 'POST',
      headers: { 'content-type': 'image/png', 'inference-header-content-length': '0' },
      body: Float32Array.of(1),
    })
    expect(response.status).toBe(200)
  })

  it('damaged or unknown compression', async () => {
    expect(await raw({ 'content-encoding': 'gzip' }, 'not gzip')).toMatchObject({
      status: 400,
      error: expect.stringMatching(/gzip body is damaged/) as unknown,
    })
    expect(await raw({ 'content-encoding': 'br' }, 'x')).toMatchObject({ status: 415, code: 'unsupported_encoding' })
  })

  it('unknown paths and methods are told apart', async () => {
    expect(await refusal(await app.fetch('/v2/nope'))).toMatchObject({ status: 404, code: 'route_not_found' })
    const wrong = await app.fetch('/v2/models/add/infer')
    expect(wrong.headers.get('allow')).toBe('POST')
    expect(await refusal(wrong)).toMatchObject({ status: 405 })
    expect((await app.fetch('/v2/health/live?test_1=1')).status).toBe(200)
  })
})

describe('a connection that behaves badly', () => {
  const open = (): Promise<Socket> =>
    new Promise((resolve) => {
      const { hostname, port } = new URL(app.addresses.http)
      const socket = connect(Number(port), hostname, () => resolve(socket))
    })

  const answer = (socket: Socket): Promise<string> =>
    new Promise((resolve) => {
      let text = ''
      socket.on('data', (chunk) => (text += chunk.toString()))
      socket.on('close', () => resolve(text))
      socket.on('error', () => resolve(text))
    })

  it('that never finishes its headers or its body is closed, while others are served', async () => {
    const slow = await open()
    slow.write('POST /v2/models/add/infer HTTP/1.1\r\nHost: localhost\r\nX-Slow: ')
    const half = await open()
    half.write('POST /v2/models/add/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{')
    const answers = Promise.all([answer(slow), answer(half)])
    expect((await app.post('/v2/models/add/infer', inferBody([1]))).status).toBe(200)
    const [head, body] = await answers
    expect(head).toMatch(/^HTTP\/1\.1 408[^]*http\.headerTimeoutMs/)
    expect(body).toMatch(/^HTTP\/1\.1 408[^]*http\.requestTimeoutMs/)
  })

  it('that sends garbage or headers without end is refused', async () => {
    const garbage = await open()
    garbage.write('\u0016\u0003\u0001 hello\r\n\r\n')
    expect(await answer(garbage)).toMatch(/^HTTP\/1\.1 400/)
    const endless = await open()
    endless.write(`GET / HTTP/1.1\r\nHost: localhost\r\nX-Big: ${'a'.repeat(64 * 1024)}\r\n\r\n`)
    expect(await answer(endless)).toMatch(/^HTTP\/1\.1 431/)
  })

  it('that sends a body in a hundred thousand pieces of one byte is refused, and costs little until then', async () => {
    const mebibyte = 1024 * 1024
    const before = liveBytes()
    const socket = await open()
    const text = answer(socket)
    const sent = (bytes: string): Promise<void> => new Promise((resolve) => socket.write(bytes, () => resolve()))
    await sent('POST /v2/models/add/infer HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n')
    const pieces = '1\r\na\r\n'.repeat(10_000)
    for (let i = 0; i < 6; i++) await sent(pieces)
    // What is in its way is received before this is answered.
    expect((await app.post('/v2/models/add/infer', inferBody([1]))).status).toBe(200)
    expect(liveBytes() - before).toBeLessThan(48 * mebibyte)
    for (let i = 0; i < 4; i++) await sent(pieces)
    expect(await text).toMatch(/^HTTP\/1\.1 400[^]*more than 65536 pieces/)
    expect(liveBytes() - before).toBeLessThan(4 * mebibyte)
  })

  it('by another name for this machine, or from a page of another site, is refused', async () => {
    const send = async (headers: string): Promise<string> => {
      const socket = await open()
      const text = answer(socket)
      socket.end(`GET /v2/health/live HTTP/1.1\r\n${headers}Connection: close\r\n\r\n`)
      return text
    }
    expect(await send('Host: evil.example\r\n')).toMatch(/^HTTP\/1\.1 403[\s\S]*forbidden_host/)
    expect(await send('Host: localhost\r\nOrigin: http://evil.example\r\n')).toMatch(
      /^HTTP\/1\.1 403[\s\S]*forbidden_origin/,
    )
    expect(await send('Host: localhost:1\r\nOrigin: null\r\n')).toMatch(/^HTTP\/1\.1 403/)
    expect(await send('Host: [::1]:80\r\n')).toMatch(/^HTTP\/1\.1 200/)
  })

  it('of a thousand opened at once all are served', async () => {
    const sockets = await Promise.all(Array.from({ length: 1000 }, open))
    const answers = await Promise.all(
      sockets.map((socket) => {
        const text = answer(socket)
        socket.write('GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
        return text
      }),
    )
    expect(answers.every((text) => text.startsWith('HTTP/1.1 200'))).toBe(true)
    await eventually('every connection is forgotten', async () => {
      const metrics = await (await app.fetch('/metrics')).text()
      return Number(/^slipway_http_connections (\d+)/m.exec(metrics)?.[1]) < 20 ? true : undefined
    })
  })
})

describe('loading', () => {
  const load = async (
    model: string,
    parameters: Readonly<Record<string, unknown>>,
  ): Promise<{ status: number; error: string; code: string | null }> =>
    refusal(await app.post(`/v2/repository/models/${model}/load`, { parameters }))

  const config = JSON.stringify({ backend: 'echo' })
  const file = Buffer.from(JSON.stringify({ inputs: [] })).toString('base64')

  it.each([
    ['../x', 'file:1/../../x'],
    ['absolute', 'file:/etc/passwd'],
    ['no version', 'file:model.onnx'],
    ['hidden', 'file:1/.ssh/config'],
    ['backslash', 'file:1\\x'],
    ['zero', 'file:0/model.onnx'],
    ['NUL', 'file:1/a\u0000b'],
  ])('a file path with %s is refused before anything is written', async (_, path) => {
    expect(await load('fresh', { config, [path]: file })).toMatchObject({
      status: 400,
      error: expect.stringMatching(/is not a file path/) as unknown,
    })
  })

  it.each(['..', '.hidden', 'a%2fb', 'a%5cb', 'a%00', '%2e%2e', 'a\u0009b', 'x'.repeat(300)])(
    'the model name %j is refused',
    async (name) => {
      const response = await app.post(`/v2/repository/models/${name}/load`, {})
      expect([400, 404]).toContain(response.status)
    },
  )

  it.each([
    ['white space before what is no base64', { 'file:1/model.onnx': `${' '.repeat(300_000)}!` }, 'is not base64'],
    ['padding in the midst', { 'file:1/model.onnx': 'AA=AA=' }, 'is not base64'],
  ])('%s is refused at once', async (_, parameters, reason) => {
    const startedMs = performance.now()
    const answer = await refusal(await app.post('/v2/repository/models/add/load', { parameters }))
    expect(answer).toMatchObject({ status: 400, error: expect.stringContaining(reason) as string })
    expect(performance.now() - startedMs).toBeLessThan(2000)
  })

  it.each(['index', 'models/add/load', 'models/add/unload'])('%s takes no more values than it needs', async (path) => {
    const answer = await refusal(await app.post(`/v2/repository/${path}`, `{"a":[${'{},'.repeat(1_000_000)}{}]}`))
    expect(answer).toMatchObject({ status: 400, error: expect.stringContaining('more than 10000 values') as string })
  })

  it('files without a configuration, text that is not base64, a configuration that is wrong', async () => {
    expect(await load('fresh', { 'file:1/model.echo.json': file })).toMatchObject({
      status: 400,
      error: expect.stringMatching(/need the parameter 'config'/) as unknown,
    })
    expect(await load('fresh', { config, 'file:1/model.echo.json': '***' })).toMatchObject({
      status: 400,
      error: expect.stringMatching(/not base64/) as unknown,
    })
    expect(await load('add', { config: '{"max_batch_sise": 4}' })).toMatchObject({
      status: 400,
      error: expect.stringMatching(/did you mean 'max_batch_size'/) as unknown,
    })
    expect(await load('add', { config: '{"max_batch_size": "many"}' })).toMatchObject({
      status: 400,
      error: expect.stringMatching(/failed to load 'add': 'max_batch_size' must be an integer/) as unknown,
    })
    expect(await load('add', { config: '{"default_model_filename": "../../etc/passwd"}' })).toMatchObject({
      status: 400,
      error: expect.stringMatching(/not a plain file name/) as unknown,
    })
    expect(await load('nowhere', {})).toMatchObject({
      status: 400,
      error: expect.stringMatching(/failed to load 'nowhere'/) as unknown,
    })
  })
})
