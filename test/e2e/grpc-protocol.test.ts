import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { deflateSync, gzipSync } from 'node:zlib'
import { loadSync } from '@grpc/proto-loader'
import type { MethodDefinition } from '@grpc/proto-loader'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually, jsModel, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'

const definition = loadSync(['inference.proto', 'health.proto'], {
  includeDirs: ['proto'],
  keepCase: true,
  longs: String,
  enums: String,
  defaults: true,
})
const inference = 'inference.GRPCInferenceService'
const health = 'grpc.health.v1.Health'

type Fields = Readonly<Record<string, unknown>>

const codec = (service: string, method: string): MethodDefinition<object, object> => {
  const found = (definition[service] as Readonly<Record<string, MethodDefinition<object, object>>>)[method]
  if (found === undefined) throw new Error(`no ${service}/${method}`)
  return found
}

const frame = (message: Uint8Array, flag = 0): Buffer => {
  const prefix = Buffer.alloc(5, flag)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

const encoded = (method: string, fields: Fields, service = inference): Buffer =>
  codec(service, method).requestSerialize(fields)

const inferRequest = (model: string, values: readonly number[], id = ''): Buffer =>
  encoded('ModelInfer', {
    model_name: model,
    id,
    inputs: [{ name: 'x', datatype: 'FP32', shape: [values.length, 1] }],
    raw_input_contents: [Buffer.from(Float32Array.from(values).buffer)],
  })

interface Outcome {
  /** Of HTTP; 0 when there was no answer. */
  readonly http: number
  /** Of gRPC; undefined when the call had no end of its own. */
  readonly status: number | undefined
  readonly text: string
  readonly headers: IncomingHttpHeaders
  readonly messages: readonly Buffer[]
  readonly resetCode: number | undefined
  readonly failure: string | undefined
}

const messagesOf = (bytes: Buffer): Buffer[] => {
  const messages: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const end = at + 5 + bytes.readUInt32BE(at + 1)
    messages.push(bytes.subarray(at + 5, end))
    at = end
  }
  return messages
}

/** Follows a call to its end. */
const outcomeOf = (stream: ClientHttp2Stream): Promise<Outcome> =>
  new Promise((resolve) => {
    let headers: IncomingHttpHeaders = {}
    let failure: string | undefined
    const pieces: Buffer[] = []
    stream.on('response', (received) => (headers = { ...headers, ...received }))
    stream.on('trailers', (received) => (headers = { ...headers, ...received }))
    stream.on('data', (piece: Buffer) => pieces.push(piece))
    stream.on('error', (error: NodeJS.ErrnoException) => (failure = error.code ?? error.message))
    // As gRPC's clients do, which send no more once they know the end.
    stream.on('end', () => stream.close())
    stream.on('close', () => {
      const status = headers['grpc-status']
      resolve({
        http: Number(headers[':status'] ?? 0),
        status: status === undefined ? undefined : Number(status),
        text: decodeURIComponent(String(headers['grpc-message'] ?? '')),
        headers,
        messages: messagesOf(Buffer.concat(pieces)),
        resetCode: stream.rstCode,
        failure,
      })
    })
  })

const open = (session: ClientHttp2Session, path: string, headers: OutgoingHttpHeaders = {}): ClientHttp2Stream =>
  session.request(
    { ':method': 'POST', ':path': `/${path}`, 'content-type': 'application/grpc', te: 'trailers', ...headers },
    { endStream: false },
  )

const call = (
  session: ClientHttp2Session,
  path: string,
  body: Uint8Array,
  headers: OutgoingHttpHeaders = {},
): Promise<Outcome> => {
  const stream = open(session, path, headers)
  const outcome = outcomeOf(stream)
  stream.end(body)
  return outcome
}

const infer = (session: ClientHttp2Session, model: string, headers: OutgoingHttpHeaders = {}): Promise<Outcome> =>
  call(session, `${inference}/ModelInfer`, frame(inferRequest(model, [1])), headers)

const sessionTo = (app: TestApp): ClientHttp2Session => {
  // In megabytes; it bounds what waits to be sent here, too.
  const session = connect(`http://${app.addresses.grpc}`, { maxSessionMemory: 500 })
  session.on('error', () => {})
  return session
}

const outputsOf = (outcome: Outcome): number[] => {
  const reply = codec(inference, 'ModelInfer').responseDeserialize(outcome.messages[0] ?? Buffer.alloc(0)) as {
    raw_output_contents: Buffer[]
  }
  const bytes = new Uint8Array(reply.raw_output_contents[0] ?? [])
  return [...new Float32Array(bytes.buffer)]
}

const slow = (ms: number): string =>
  jsModel(
    `globalThis.runs = (globalThis.runs ?? 0) + 1; await new Promise((done) => setTimeout(done, ${ms})); return Array.from(x.data, () => globalThis.runs)`,
  )

/** Answers once a file is there, however slow the machine is. */
const gated = (gate: string): string =>
  jsModel(
    `const { existsSync } = await import('node:fs'); globalThis.runs = (globalThis.runs ?? 0) + 1; while (!existsSync(${JSON.stringify(gate)})) await new Promise((done) => setTimeout(done, 5)); return Array.from(x.data, () => globalThis.runs)`,
  )

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.on('error', () => {}).on('close', () => resolve())
    socket.resume()
  })

/** How a client begins (RFC 9113, section 3.4). */
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])

const echo = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }] })
const mebibyte = 1024 * 1024

let app: TestApp
let session: ClientHttp2Session
const gate = join(mkdtempSync(join(tmpdir(), 'slipway-gate-')), 'open')

beforeAll(async () => {
  // A model is run once when it is loaded.
  writeFileSync(gate, '')
  app = await startTestApp({
    models: {
      'echo/1/model.echo.json': echo,
      'slow/1/model.mjs': slow(150),
      'gated/1/model.mjs': gated(gate),
      'gated/config.pbtxt': 'max_batch_size: 1 dynamic_batching { }',
      'slow/config.pbtxt': 'max_batch_size: 1 dynamic_batching { default_queue_policy { max_queue_size: 4 } }',
    },
    flags: [
      '--grpc.message-bytes-max=1MiB',
      '--grpc.buffered-bytes-max=16MiB',
      '--grpc.request-timeout-ms=1500',
      '--serving.deadline.default-ms=1000',
    ],
  })
  session = sessionTo(app)
})

afterAll(async () => {
  session.close()
  await app.stop()
  rmSync(dirname(gate), { recursive: true })
})

const inFlight = (model: string, count: number): Promise<true> =>
  eventually(`${count} calls of ${model} are in flight`, async () =>
    (await (await app.fetch('/metrics')).text()).includes(`slipway_in_flight{model="${model}",version="1"} ${count}\n`)
      ? true
      : undefined,
  )

describe('a request that is not a call', () => {
  it('is refused in the way of HTTP', async () => {
    for (const type of ['application/json', 'application/grpc-web', 'application/grpcx', ''])
      expect((await infer(session, 'echo', { 'content-type': type })).http).toBe(415)
    const stream = session.request({ ':method': 'GET', ':path': `/${inference}/ModelInfer` })
    expect((await outcomeOf(stream)).http).toBe(405)
  })

  it('may be taken back in the same breath', async () => {
    const { hostname, port } = new URL(`http://${app.addresses.grpc}`)
    const socket = connectTcp(Number(port), hostname)
    const frames = [preface, settings]
    for (let id = 1; id < 100; id += 2) {
      // GET / of the authority 'a' in HPACK, and RST_STREAM with CANCEL.
      frames.push(Buffer.from([0, 0, 6, 1, 5, 0, 0, 0, id, 0x82, 0x86, 0x84, 0x41, 1, 0x61]))
      frames.push(Buffer.from([0, 0, 4, 3, 0, 0, 0, 0, id, 0, 0, 0, 8]))
    }
    const answered = once(socket, 'data')
    socket.end(Buffer.concat(frames))
    await answered
    await closed(socket)
    expect((await infer(session, 'echo')).status).toBe(0)
  })

  it('names no method that is known', async () => {
    for (const path of ['inference.GRPCInferenceService/Nope', 'nope', 'a'.repeat(5000), `${inference}/ModelInfer/x`]) {
      const outcome = await call(session, path, frame(new Uint8Array(0)))
      expect(outcome).toMatchObject({ http: 200, status: 12 })
      expect(outcome.headers['slipway-error']).toBe('unsupported')
    }
  })
})

describe('a call with something wrong', () => {
  const damaged = Buffer.from([0xff, 0xff, 0xff])
  const good = inferRequest('echo', [1])
  const gzip = { 'grpc-encoding': 'gzip' }

  it.each<[string, number, RegExp, { body: Uint8Array; headers?: OutgoingHttpHeaders }]>([
    ['a timeout that is none', 3, /'5 minutes'/, { body: frame(good), headers: { 'grpc-timeout': '5 minutes' } }],
    ['no message', 12, /without a message/, { body: new Uint8Array(0) }],
    ['two messages', 12, /more than one message/, { body: Buffer.concat([frame(good), frame(good)]) }],
    ['an end within the prefix', 3, /within a message/, { body: frame(good).subarray(0, 3) }],
    ['an end within the message', 3, /within a message/, { body: frame(good).subarray(0, 20) }],
    ['an unknown flag', 3, /unknown flag 7/, { body: frame(good, 7) }],
    ['compression of no kind', 3, /marked as compressed/, { body: frame(gzipSync(good), 1) }],
    [
      'compression of an unknown kind',
      12,
      /'snappy'/,
      { body: frame(good, 1), headers: { 'grpc-encoding': 'snappy' } },
    ],
    ['damaged compression', 3, /message is damaged/, { body: frame(damaged, 1), headers: gzip }],
    [
      'two damaged messages',
      12,
      /more than one/,
      { body: Buffer.concat([frame(damaged, 1), frame(damaged, 1)]), headers: gzip },
    ],
    ['damaged content', 3, /./, { body: frame(damaged) }],
  ])('%s', async (_, status, text, { body, headers }) => {
    const outcome = await call(session, `${inference}/ModelInfer`, body, headers)
    expect(outcome.text).toMatch(text)
    expect(outcome).toMatchObject({ http: 200, status })
  })

  it('is refused at once, though its client goes on sending', async () => {
    const promises = Buffer.alloc(5)
    promises.writeUInt32BE(mebibyte + 1, 1)
    const stream = open(session, `${inference}/ModelInfer`)
    stream.write(promises)
    expect(await outcomeOf(stream)).toMatchObject({
      status: 8,
      text: expect.stringMatching(/1048577 bytes/) as unknown,
    })
  })

  it('leaves no failure behind when its damaged message is all that ever comes', async () => {
    const stream = open(session, `${inference}/ModelInfer`, { 'grpc-encoding': 'gzip' })
    stream.write(frame(damaged, 1))
    expect(await outcomeOf(stream)).toMatchObject({ status: 4 })
  })

  it.each([`${health}/Check`, `${health}/Watch`, 'grpc.reflection.v1.ServerReflection/ServerReflectionInfo'])(
    'damaged content for %s',
    async (path) => {
      expect(await call(session, path, frame(damaged))).toMatchObject({ http: 200, status: 3 })
    },
  )

  it('is told so in its own language', async () => {
    const outcome = await infer(session, 'größe-模型')
    expect(outcome.status).toBe(5)
    expect(String(outcome.headers['grpc-message'])).toMatch(/^[\x20-\x7e]*gr%C3%B6%C3%9Fe[\x20-\x7e]*$/)
    expect(outcome.text).toContain('größe-模型')
  })
})

describe('a message', () => {
  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ])('compressed with %s is answered', async (encoding, compress) => {
    const body = frame(compress(inferRequest('echo', [3, 4])), 1)
    const outcome = await call(session, `${inference}/ModelInfer`, body, { 'grpc-encoding': encoding })
    expect(outcome.text).toBe('')
    expect(outputsOf(outcome)).toEqual([3, 4])
    expect(outcome.headers['grpc-accept-encoding']).toBe('identity,gzip,deflate')
  })

  it.each([1, 1000, 16_000, 17_000])(
    'of %i values is answered whole, with its end, to a client that takes few bytes at a time',
    async (count) => {
      const narrow = connect(`http://${app.addresses.grpc}`, { settings: { initialWindowSize: 300 } })
      const values = Array.from({ length: count }, (_, index) => index)
      const outcomes = await Promise.all(
        Array.from({ length: 3 }, () => call(narrow, `${inference}/ModelInfer`, frame(inferRequest('echo', values)))),
      )
      for (const outcome of outcomes) {
        expect(outcome).toMatchObject({ http: 200, status: 0, text: '', failure: undefined })
        expect(outputsOf(outcome)).toEqual(values)
      }
      narrow.close()
    },
  )

  it('that comes byte by byte is answered', async () => {
    const stream = open(session, `${inference}/ModelInfer`)
    const outcome = outcomeOf(stream)
    for (const byte of frame(inferRequest('echo', [5]))) stream.write(Buffer.of(byte))
    stream.end()
    expect(outputsOf(await outcome)).toEqual([5])
  })

  it('that is a bomb is refused, with little memory and others served meanwhile', async () => {
    const bomb = frame(gzipSync(Buffer.alloc(200 * mebibyte)), 1)
    const before = process.memoryUsage().arrayBuffers
    let most = 0
    let left = 20
    const outcomes = Array.from({ length: left }, () =>
      call(session, `${inference}/ModelInfer`, bomb, { 'grpc-encoding': 'gzip' }).finally(() => (left -= 1)),
    )
    const other = sessionTo(app)
    await eventually('the bombs are refused', async () => {
      const { status } = await infer(other, 'echo')
      expect([0, 8]).toContain(status)
      most = Math.max(most, process.memoryUsage().arrayBuffers - before)
      return left === 0 ? true : undefined
    })
    other.close()
    for (const outcome of await Promise.all(outcomes)) expect(outcome.status).toBe(8)
    expect(most).toBeLessThan(64 * mebibyte)
    expect((await infer(session, 'echo')).status).toBe(0)
  })

  it('larger than all that is free is refused and can be sent again, while small ones are answered', async () => {
    const part = frame(Buffer.alloc(mebibyte)).subarray(0, mebibyte - 100)
    const hoarders = Array.from({ length: 20 }, () => open(session, `${inference}/ModelInfer`))
    const ends = hoarders.map((stream) => outcomeOf(stream))
    for (const stream of hoarders) stream.write(part)
    const other = sessionTo(app)
    await eventually('the server is full', async () => {
      const outcome = await call(other, `${inference}/ModelInfer`, frame(Buffer.alloc(mebibyte)))
      return outcome.headers['slipway-error'] === 'server_busy' ? outcome : undefined
    })
    expect((await infer(other, 'echo')).status).toBe(0)
    for (const stream of hoarders) stream.close(8)
    await Promise.all(ends)
    await eventually('what the hoarders held is free', async () => {
      const outcome = await call(other, `${inference}/ModelInfer`, frame(Buffer.alloc(mebibyte)))
      return outcome.headers['slipway-error'] === 'server_busy' ? undefined : true
    })
    other.close()
  })
})

describe('a model with more work than it can do', () => {
  it('says when to come back', async () => {
    const outcomes = await Promise.all(Array.from({ length: 12 }, () => infer(session, 'slow')))
    const refused = outcomes.filter((outcome) => outcome.status === 8)
    expect(refused.length).toBeGreaterThan(0)
    for (const outcome of refused) {
      expect(outcome.headers['grpc-retry-pushback-ms']).toBe('250')
      expect(outcome.headers['slipway-error']).toBe('queue_full')
    }
  })

  it('does not start what its client has given up', async () => {
    const patient = { 'grpc-timeout': '50S' }
    const runs = async (): Promise<number> => outputsOf(await infer(session, 'gated', patient))[0] ?? Number.NaN
    const before = await runs()
    rmSync(gate)
    const first = infer(session, 'gated', patient)
    await inFlight('gated', 1)
    const stream = open(session, `${inference}/ModelInfer`, patient)
    const abandoned = outcomeOf(stream)
    stream.end(frame(inferRequest('gated', [1])))
    await inFlight('gated', 2)
    stream.close(8)
    await abandoned
    await inFlight('gated', 1)
    writeFileSync(gate, '')
    await first
    expect((await runs()) - before).toBe(2)
  })
})

describe('health', () => {
  const statusOf = (message: Buffer | undefined): unknown =>
    (codec(health, 'Check').responseDeserialize(message ?? Buffer.alloc(0)) as Fields)['status']
  const ask = (service: string): Buffer => frame(encoded('Check', { service }, health))

  it('is told of the server and of its services', async () => {
    for (const service of ['', inference, health])
      expect(statusOf((await call(session, `${health}/Check`, ask(service))).messages[0])).toBe('SERVING')
    expect(await call(session, `${health}/Check`, ask('nope'))).toMatchObject({ status: 5 })
  })

  it.each([
    ['', 'SERVING'],
    ['nope', 'SERVICE_UNKNOWN'],
  ])('of %j is watched until the watcher leaves', async (service, status) => {
    const stream = open(session, `${health}/Watch`)
    const outcome = outcomeOf(stream)
    const told = once(stream, 'data') as Promise<[Buffer]>
    stream.end(ask(service))
    expect(statusOf(messagesOf((await told)[0])[0])).toBe(status)
    stream.close(8)
    expect(await outcome).toMatchObject({ http: 200, status: undefined })
  })
})

describe('reflection', () => {
  it.each(['v1', 'v1alpha'])('%s lists the services and shows their files', async (version) => {
    // Fields of ServerReflectionRequest: 7 list_services, 4 file_containing_symbol.
    const question = (field: number, text: string): Buffer =>
      frame(Buffer.concat([Buffer.of((field << 3) | 2, text.length), Buffer.from(text)]))
    const path = `grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`
    const body = Buffer.concat([question(7, '*'), question(4, `${inference}.ModelInfer`), question(4, 'no.Such')])
    const outcome = await call(session, path, body)
    expect(outcome.status).toBe(0)
    const [list, file, unknown] = outcome.messages.map((message) => message.toString('latin1'))
    expect(list).toContain(inference)
    expect(list).toContain(health)
    expect(file).toContain('ModelStreamInfer')
    expect(file).toContain('raw_input_contents')
    expect(unknown).toContain('Symbol not found: no.Such')
  })
})

describe('a stream of messages', () => {
  const streamed = (id: number, values: readonly number[] = [id]): Buffer =>
    frame(inferRequest('echo', values, String(id)))
  const answerOf = (message: Buffer): { error_message: string; infer_response: { id: string } | null } =>
    codec(inference, 'ModelStreamInfer').responseDeserialize(message) as ReturnType<typeof answerOf>

  it('whose messages are wrong after a good one ends with their status', async () => {
    const stream = open(session, `${inference}/ModelStreamInfer`)
    const outcome = outcomeOf(stream)
    stream.write(streamed(1))
    await once(stream, 'data')
    stream.write(frame(new Uint8Array(3), 9))
    expect(await outcome).toMatchObject({ status: 3, text: expect.stringMatching(/unknown flag 9/) as unknown })
    expect((await infer(session, 'echo')).status).toBe(0)
  })

  it('outlives the time that one message has', async () => {
    const stream = open(session, `${inference}/ModelStreamInfer`)
    const outcome = outcomeOf(stream)
    const startedAt = performance.now()
    stream.write(streamed(1))
    await eventually('the default deadline has passed', () => (performance.now() - startedAt > 1700 ? true : undefined))
    stream.end(streamed(2))
    const { status, messages } = await outcome
    expect(status).toBe(0)
    expect(messages.map(answerOf).map((answer) => [answer.infer_response?.id, answer.error_message])).toEqual([
      ['1', ''],
      ['2', ''],
    ])
  })

  it('whose client never reads takes little of the server, and all is answered once it does', async () => {
    const values = Array.from({ length: 8192 }, (_, index) => index)
    const count = 2000
    const stream = open(session, `${inference}/ModelStreamInfer`)
    let taken = 0
    for (let id = 0; id < count; id++) {
      const message = streamed(id, values)
      stream.write(message, () => (taken += message.length))
    }
    const other = sessionTo(app)
    for (let turn = 0; turn < 100; turn++) expect((await infer(other, 'echo')).status).toBe(0)
    other.close()
    expect(taken).toBeLessThan(16 * mebibyte)
    const outcome = outcomeOf(stream)
    stream.end()
    const { status, messages } = await outcome
    expect(status).toBe(0)
    expect(messages.map((message) => answerOf(message).infer_response?.id)).toEqual(
      Array.from({ length: count }, (_, id) => String(id)),
    )
  })

  it('that is decompressed in its order', async () => {
    const bodies = Array.from({ length: 50 }, (_, id) => {
      const request = inferRequest('echo', [id], String(id))
      return id % 3 === 0 ? frame(request) : frame(gzipSync(request), 1)
    })
    const body = Buffer.concat(bodies)
    const outcome = await call(session, `${inference}/ModelStreamInfer`, body, { 'grpc-encoding': 'gzip' })
    expect(outcome.status).toBe(0)
    expect(outcome.messages.map((message) => Number(answerOf(message).infer_response?.id))).toEqual(
      Array.from({ length: 50 }, (_, id) => id),
    )
  })
})

describe('a client that is slow or hostile', () => {
  it('has its request ended when it does not arrive in time', async () => {
    const streams = [Buffer.alloc(0), frame(inferRequest('echo', [1])).subarray(0, 9), frame(inferRequest('echo', [1]))]
    const outcomes = streams.map((body) => {
      const stream = open(session, `${inference}/ModelInfer`)
      stream.write(body)
      return outcomeOf(stream)
    })
    for (const outcome of await Promise.all(outcomes)) {
      expect(outcome.status).toBe(4)
      expect(outcome.headers['slipway-error']).toBe('request_timeout')
      expect(outcome.text).toContain('grpc.requestTimeoutMs')
    }
  })

  it('has its connection closed when it never speaks HTTP/2', async () => {
    const { hostname, port } = new URL(`http://${app.addresses.grpc}`)
    const silent = connectTcp(Number(port), hostname)
    const wrong = connectTcp(Number(port), hostname)
    wrong.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await Promise.all([silent, wrong].map(closed))
    expect((await infer(session, 'echo')).status).toBe(0)
  })

  it('may give up very many calls, and nobody else notices', async () => {
    const hasty = sessionTo(app)
    const streams = Array.from({ length: 2000 }, () => open(hasty, `${inference}/ModelInfer`))
    const outcomes = streams.map(async (stream) => {
      const outcome = outcomeOf(stream)
      if (stream.pending) await once(stream, 'ready')
      stream.close(8)
      return outcome
    })
    for (let turn = 0; turn < 20; turn++) expect((await infer(session, 'echo')).status).toBe(0)
    for (const outcome of await Promise.all(outcomes)) expect(outcome.http).toBe(0)
    expect((await infer(session, 'echo')).status).toBe(0)
    hasty.destroy()
  })
})

describe('the limit of calls on a connection', () => {
  it('makes further calls wait', async () => {
    await using narrow = await startTestApp({
      models: { 'slow/1/model.mjs': slow(30), 'slow/config.pbtxt': 'max_batch_size: 1' },
      flags: ['--grpc.streams-max', '2'],
    })
    const client = sessionTo(narrow)
    await once(client, 'remoteSettings')
    const outcomes = await Promise.all(Array.from({ length: 7 }, () => infer(client, 'slow')))
    expect(outcomes.map((outcome) => outcome.status)).toEqual([0, 0, 0, 0, 0, 0, 0])
    client.close()
  })
})

describe('a server that stops', () => {
  it('answers or refuses every call, and hangs on none', async () => {
    const stopping = await startTestApp({
      models: { 'slow/1/model.mjs': slow(10), 'slow/config.pbtxt': 'max_batch_size: 1' },
    })
    const client = sessionTo(stopping)
    await once(client, 'remoteSettings')
    const goaways: number[] = []
    client.on('goaway', (_, lastStream) => goaways.push(lastStream ?? 0))
    const calls = Array.from({ length: 50 }, () => infer(client, 'slow'))
    await calls[0]
    let stopped = false
    const stop = stopping.stop().then(() => (stopped = true))
    await eventually('the server has stopped', async () => {
      if (client.closed || client.destroyed) return stopped ? true : undefined
      calls.push(infer(client, 'slow'))
      return stopped ? true : undefined
    })
    await stop
    const outcomes = await Promise.all(calls)
    expect(outcomes.slice(0, 50).map((outcome) => outcome.status)).toEqual(Array.from({ length: 50 }, () => 0))
    const refusedStream = 7
    for (const outcome of outcomes) {
      const kind = outcome.status ?? (outcome.resetCode === refusedStream ? 'refused' : outcome.failure)
      expect([0, 14, 'refused', 'ERR_HTTP2_GOAWAY_SESSION']).toContain(kind)
    }
    expect(calls.length).toBeGreaterThan(50)
    // The first GOAWAY refuses nothing that is on its way.
    expect(goaways[0]).toBe(2 ** 31 - 1)
  })

  it('sends watchers, idle streams and silent connections away', async () => {
    const stopping = await startTestApp({ models: { 'echo/1/model.echo.json': echo } })
    const client = sessionTo(stopping)
    const watch = open(client, `${health}/Watch`)
    const watched = outcomeOf(watch)
    watch.end(frame(encoded('Watch', {}, health)))
    const stream = open(client, `${inference}/ModelStreamInfer`)
    const streamed = outcomeOf(stream)
    stream.write(frame(inferRequest('echo', [1])))
    const silent = connectTcp(Number(stopping.addresses.grpc.split(':')[1]), '127.0.0.1')
    await Promise.all([once(watch, 'data'), once(stream, 'data'), once(silent, 'connect')])
    const silenced = closed(silent)
    await stopping.stop()
    await silenced
    expect(await watched).toMatchObject({ status: 14 })
    expect(await streamed).toMatchObject({ status: 14 })
  })

  it('stops in time though a client ignores it', async () => {
    const stopping = await startTestApp({
      models: { 'echo/1/model.echo.json': echo },
      flags: ['--shutdown-timeout-ms=300'],
    })
    const { hostname, port } = new URL(`http://${stopping.addresses.grpc}`)
    // A paused socket never takes notice of the other side's end.
    const deaf = connectTcp({ host: hostname, port: Number(port), allowHalfOpen: true })
    deaf.on('error', () => {})
    deaf.write(Buffer.concat([preface, settings]))
    await once(deaf, 'connect')
    const client = sessionTo(stopping)
    const endless = open(client, `${inference}/ModelInfer`)
    const outcome = outcomeOf(endless)
    endless.write(Buffer.alloc(3))
    await once(client, 'remoteSettings')
    const startedAt = performance.now()
    await stopping.stop()
    expect(performance.now() - startedAt).toBeLessThan(5000)
    expect((await outcome).status).not.toBe(0)
    deaf.destroy()
  })
})
