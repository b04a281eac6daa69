import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addModel, inferBody, jsModel, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'

let app: TestApp
let port: number

const bodyBytesMax = 1024 * 1024

beforeAll(async () => {
  app = await startTestApp({
    models: {
      'add/1/model.mjs': addModel(1),
      'late/1/model.mjs': jsModel(
        'await new Promise((resolve) => setTimeout(resolve, 100)); return Array.from(x.data)',
      ),
    },
    flags: ['--http.body-bytes-max', String(bodyBytesMax), '--http.header-timeout-ms', '1s'],
  })
  port = Number(new URL(app.addresses.http).port)
})

afterAll(async () => {
  expect(app.log.filter((line) => line.event === 'http.unexpected')).toEqual([])
  await app.stop()
})

const open = (): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => resolve(socket))
    socket.on('error', reject)
  })

/** All that the server says until it ends the connection. */
const conversation = (socket: Socket): Promise<string> =>
  new Promise((resolve) => {
    let text = ''
    socket.on('data', (chunk) => (text += chunk.toString()))
    socket.on('end', () => {
      socket.destroy()
      resolve(text)
    })
    socket.on('error', () => resolve(text))
  })

/** Waits until the server has said `text`; gives all it said. */
const hears = (socket: Socket, text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let said = ''
    socket.on('data', (chunk) => {
      said += chunk.toString()
      if (said.includes(text)) resolve(said)
    })
    socket.on('end', () => reject(new Error(`the server ended with ${JSON.stringify(said)}`)))
    socket.on('error', reject)
  })

/** Sends text and leaves the connection open; the server has to end it. */
const say = async (text: string): Promise<string> => {
  const socket = await open()
  const said = conversation(socket)
  socket.write(text)
  return said
}

const get = (path: string, headers = ''): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`
const last = (path: string, headers = ''): string => get(path, `${headers}Connection: close\r\n`)
const post = (model: string, headers: string, body = ''): string =>
  `POST /v2/models/${model}/infer HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n${body}`
const infer = (model: string, value: number, headers = ''): string => {
  const body = JSON.stringify({ id: String(value), ...inferBody([value]) })
  return post(model, `Content-Length: ${Buffer.byteLength(body)}\r\n${headers}`, body)
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Splits what was said into answers; each has its length declared. */
const answersIn = (said: string): Answer[] => {
  const answers: Answer[] = []
  for (let rest = said; rest !== '';) {
    const headEnd = rest.indexOf('\r\n\r\n')
    expect(headEnd, `the head of an answer in ${JSON.stringify(rest)}`).toBeGreaterThan(0)
    const [line = '', ...fields] = rest.slice(0, headEnd).split('\r\n')
    const headers = Object.fromEntries(
      fields.map((field) => [field.split(':')[0]?.toLowerCase(), field.replace(/^[^:]*: */, '')]),
    )
    const bodyEnd = headEnd + 4 + Number(headers['content-length'] ?? 0)
    answers.push({ status: Number(line.split(' ')[1]), headers, body: rest.slice(headEnd + 4, bodyEnd) })
    rest = rest.slice(bodyEnd)
  }
  return answers
}

/** The one refusal that the server gave before it ended the connection. */
const refusalIn = (said: string): { status: number; code: string | undefined; error: string } => {
  const [answer, ...others] = answersIn(said)
  expect(others).toEqual([])
  expect(answer?.headers).toMatchObject({ 'content-type': 'application/json', connection: 'close' })
  const { error } = JSON.parse(answer?.body ?? '') as { error: string }
  return { status: answer?.status ?? 0, code: answer?.headers['slipway-error'], error }
}

const statusesIn = (said: string): number[] => answersIn(said).map((answer) => answer.status)

const live = '/v2/health/live'

describe('a request that HTTP does not allow', () => {
  it.each([
    ['two Hosts', get(live, 'Host: localhost\r\n'), 400, /Host/],
    ['two Hosts in other cases', get(live, 'hOST: evil.example\r\n'), 400, /Host/],
    [
      'a second Host behind thousands of headers',
      get(live, `${'a:\r\n'.repeat(2500)}Host: evil.example\r\n`),
      400,
      /Host/,
    ],
    ['no Host', `GET ${live} HTTP/1.1\r\n\r\n`, 400, /Host/],
    ['an expectation', get(live, 'Expect: a-miracle\r\n'), 417, /expectation 'a-miracle'/],
    ['an expectation beside the known one', get(live, 'Expect: 100-continue, tea\r\n'), 417, /expectation/],
    ['a large head', get(live, `X: ${'a'.repeat(20_000)}\r\n`), 431, /headers/],
    ['a request line without a version', 'GET /v2/health/live\r\n\r\n', 505, /HTTP\/0\.9/],
    ['version 0.9', `GET ${live} HTTP/0.9\r\n\r\n`, 505, /HTTP\/0\.9/],
    ['version 2.0', `GET ${live} HTTP/2.0\r\nHost: localhost\r\n\r\n`, 505, /HTTP\/2\.0/],
    ['version 1.2', `GET ${live} HTTP/1.2\r\nHost: localhost\r\n\r\n`, 505, /version/],
    ['version 3.0', `GET ${live} HTTP/3.0\r\nHost: localhost\r\n\r\n`, 505, /version/],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505, /version/],
    ['a space in its path', get('/v2/a b'), 400, /HTTP/],
    ['an unknown method', `BREW ${live} HTTP/1.1\r\nHost: localhost\r\n\r\n`, 400, /HTTP/],
    ['a tunnel', 'CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n', 501, /CONNECT/],
    ['lines that end in LF', `GET ${live} HTTP/1.1\nHost: localhost\n\n`, 400, /HTTP/],
    ['a space before a colon', `GET ${live} HTTP/1.1\r\nHost : localhost\r\n\r\n`, 400, /HTTP/],
    ['a folded header', get(live, 'X: a\r\n b\r\n'), 400, /HTTP/],
    ['a chunk without a size', post('add', 'Transfer-Encoding: chunked\r\n', 'zz\r\n'), 400, /HTTP/],
    ['a chunk longer than it says', post('add', 'Transfer-Encoding: chunked\r\n', '1\r\n{"a"\r\n'), 400, /HTTP/],
    ['chunks in gzip', post('add', 'Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'), 501, /'gzip, chunked'/],
    ['an unknown transfer encoding', post('add', 'Transfer-Encoding: gzip\r\n'), 501, /'gzip'/],
    ['chunks inside an encoding', post('add', 'Transfer-Encoding: chunked, gzip\r\n'), 400, /HTTP/],
    ['chunks twice', post('add', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n'), 400, /HTTP/],
    [
      'chunks before HTTP/1.1',
      'POST /v2/models/add/infer HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
      /1\.0/,
    ],
    [
      'chunks and a length',
      post('add', 'Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n'),
      400,
      /HTTP/,
    ],
    [
      'a length and chunks',
      post('add', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
      400,
      /HTTP/,
    ],
    ['two lengths', post('add', 'Content-Length: 2\r\nContent-Length: 2\r\n', '{}'), 400, /HTTP/],
    ['a signed length', post('add', 'Content-Length: +2\r\n', '{}'), 400, /HTTP/],
    ['a length that is no number', post('add', 'Content-Length: 2a\r\n', '{}'), 400, /HTTP/],
  ])('for %s is refused, and nothing behind it is read', async (_, text, status, reason) => {
    const refusal = refusalIn(await say(text + last(live)))
    expect(refusal.error).toMatch(reason)
    expect(refusal.status).toBe(status)
    expect(refusal.code).toMatch(/^(invalid_request|unsupported)$/)
  })

  it('for a head that never ends is refused in time', async () => {
    expect(refusalIn(await say('GET / HTTP/1.1\r\nHost: localhost\r\nX: '))).toMatchObject({
      status: 408,
      code: 'request_timeout',
      error: expect.stringContaining('http.headerTimeoutMs') as unknown,
    })
    expect(refusalIn(await say('GET /\r\n'))).toMatchObject({ status: 408 })
  })

  it('for a body cut off by the end of the connection is refused', async () => {
    const socket = await open()
    const said = conversation(socket)
    socket.end(post('add', 'Content-Length: 100\r\n', '{'))
    expect(refusalIn(await said)).toMatchObject({ status: 400 })
  })

  it('does not keep its connection, even if the client does', async () => {
    const socket = await open()
    socket.on('error', () => undefined)
    const closed = new Promise((resolve) => socket.on('close', resolve))
    const said = hears(socket, '"error"')
    socket.write('nonsense\r\n\r\n')
    await said
    // The client neither ends nor closes; whatever it goes on to send is not heard.
    const more = setInterval(() => socket.write('more\r\n'), 20)
    await closed
    clearInterval(more)
  })
})

describe('the target of a request', () => {
  it.each(['http://127.0.0.1:PORT', 'HTTP://localhost', 'http://LOCALHOST:PORT', 'https://[::1]:1'])(
    'may start with the authority %s',
    async (authority) => {
      const origin = authority.replace('PORT', String(port))
      const [found, query, root] = answersIn(
        await say(get(`${origin}${live}`) + get(`${origin}${live}?a=http://b/c`) + last(origin)),
      )
      expect([found?.status, query?.status, root?.status]).toEqual([200, 200, 404])
      expect(root?.body).toContain('GET /')
    },
  )

  it('carries its query', async () => {
    const said = await say(last(`http://localhost:${port}/api/slipway/v1/models?limit=x`))
    expect(said).toContain(`${(await say(last('/api/slipway/v1/models?limit=x'))).split('\r\n\r\n')[1]}`)
  })

  it('is guarded as its Host is', async () => {
    expect(await say(last(`http://evil.example${live}`))).toMatch(/^HTTP\/1\.1 403[\s\S]*forbidden_host/)
    expect(await say(last(`http://localhost@evil.example${live}`))).toMatch(/^HTTP\/1\.1 4/)
    expect(
      await say(`GET http://localhost${live} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`),
    ).toMatch(/^HTTP\/1\.1 403[\s\S]*forbidden_host/)
  })

  it.each(['http:///v2', 'http://', 'http://user@localhost/v2', 'ftp://localhost/v2'])(
    'is refused as %s',
    async (target) => {
      const said = await say(last(target))
      expect(answersIn(said)[0]).toMatchObject({ status: 400, headers: { 'slipway-error': 'invalid_request' } })
    },
  )
})

describe('HEAD', () => {
  const head = (path: string, headers = ''): string =>
    `HEAD ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}Connection: close\r\n\r\n`

  it.each([live, '/v2', '/v2/models/add', '/v2/models/nope', '/metrics'])(
    '%s answers as GET without a body',
    async (path) => {
      const [ours = '', body = ''] = (await say(head(path))).split('\r\n\r\n')
      const [theirs = '', content = ''] = (await say(last(path))).split('\r\n\r\n')
      const stable = (text: string): string =>
        text.replace(/date: .*\r\n/i, '').replace(/content-length: \d+/, 'length')
      expect(stable(ours)).toBe(stable(theirs))
      expect(ours).toMatch(/content-length: \d+/)
      expect(body).toBe('')
      expect(content === '' && path !== live).toBe(false)
    },
  )

  it('leaves the connection in order', async () => {
    const gzip = 'Accept-Encoding: gzip\r\n'
    const said = await say(`HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n${gzip}\r\n${last('/v2')}`)
    expect(said).toMatch(/^HTTP\/1\.1 200[\s\S]*?content-encoding: gzip[\s\S]*?\r\n\r\nHTTP\/1\.1 200[\s\S]*"slipway"/)
  })

  it('is refused where there is no GET, with what is allowed', async () => {
    expect(await say(head('/v2/models/add/infer'))).toMatch(/^HTTP\/1\.1 405[\s\S]*\r\nallow: POST\r\n/)
    expect(await say(`DELETE ${live} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 405[\s\S]*\r\nallow: GET, HEAD\r\n/,
    )
    expect(await say(`OPTIONS ${live} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 405[\s\S]*\r\nallow: GET, HEAD\r\n/,
    )
  })
})

describe('a body that waits to be asked for', () => {
  const expecting = 'Expect: 100-continue\r\n'

  it('is asked for and served', async () => {
    const body = JSON.stringify(inferBody([1]))
    const socket = await open()
    const asked = hears(socket, '\r\n\r\n')
    const said = conversation(socket)
    socket.write(post('add', `Content-Length: ${body.length}\r\nConnection: close\r\n${expecting}`))
    expect(await asked).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    socket.write(body)
    expect(statusesIn(await said)).toEqual([100, 200])
  })

  it.each([
    ['above the limit', post('add', `Content-Length: ${bodyBytesMax + 1}\r\n${expecting}`), 413],
    ['in an encoding that is not known', post('add', `Content-Length: 9\r\nContent-Encoding: br\r\n${expecting}`), 415],
    ['for no route', post('a/b', `Content-Length: 9\r\n${expecting}`), 404],
    ['for another host', `POST /v2 HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 9\r\n${expecting}\r\n`, 403],
  ])('is not asked for when it is %s', async (_, text, status) => {
    expect(refusalIn(await say(text)).status).toBe(status)
  })

  it('never sent is not taken for the next request', async () => {
    expect(statusesIn(await say(get(live, `Content-Length: 9\r\n${expecting}`)))).toEqual([200])
  })
})

it('an answer reaches a client that is still sending what was refused', async () => {
  const socket = await open()
  const said = conversation(socket)
  const bytes = 8 * bodyBytesMax
  socket.write(post('add', `Content-Length: ${bytes}\r\n`))
  for (let sent = 0; sent < bytes && socket.writable; sent += 65_536) {
    if (!socket.write(Buffer.alloc(65_536, 32)))
      await Promise.race([said, new Promise((next) => socket.once('drain', next))])
  }
  expect(refusalIn(await said)).toMatchObject({ status: 413, code: 'payload_too_large' })
})

describe('requests on one connection', () => {
  const idsIn = (said: string): unknown[] =>
    answersIn(said).map(({ status, body }) =>
      status === 200 && body !== '' ? (JSON.parse(body) as { id?: string }).id : status,
    )

  it('are answered in the order they came, however long each takes', async () => {
    const texts = [
      infer('late', 1),
      get('/v2/nope'),
      infer('add', 2),
      infer('late', 3),
      infer('add', 4, 'Connection: close\r\n'),
    ]
    expect(idsIn(await say(texts.join('')))).toEqual(['1', 404, '2', '3', '4'])
  })

  it('are answered before one that is refused, and nothing behind it is read', async () => {
    const broken = 'GET / HTTP/1.1\r\nHost : localhost\r\n\r\n'
    expect(idsIn(await say(infer('late', 1) + infer('add', 2) + broken + infer('add', 3)))).toEqual(['1', '2', 400])
    const cut = post('add', 'Transfer-Encoding: chunked\r\n', 'zz\r\n')
    expect(idsIn(await say(infer('late', 1) + cut + infer('add', 3)))).toEqual(['1', 400])
    const twice = get(live, 'Host: localhost\r\n')
    expect(idsIn(await say(infer('late', 1) + twice + infer('add', 3)))).toEqual(['1', 400])
  })

  it('behind one that closes the connection are not served', async () => {
    expect(idsIn(await say(infer('late', 1, 'Connection: close\r\n') + infer('add', 2)))).toEqual(['1'])
    const refused = post('add', `Content-Length: ${bodyBytesMax + 1}\r\n`)
    expect(idsIn(await say(`${refused}${' '.repeat(bodyBytesMax + 1)}${infer('add', 2)}`))).toEqual([413])
  })

  it('get no second answer when their body breaks after the first', async () => {
    const socket = await open()
    const said = conversation(socket)
    const answered = hears(socket, '\r\n\r\n')
    socket.write(get(live, 'Transfer-Encoding: chunked\r\n'))
    await answered
    socket.write('zz\r\n')
    expect(statusesIn(await said)).toEqual([200])
  })

  it('are given up when the client ends its side before the answer', async () => {
    const socket = await open()
    const said = conversation(socket)
    socket.end(infer('late', 1))
    // A client that leaves looks the same; what it waited for must not hold its place in the queue.
    expect(await said).toBe('')
  })

  it('are answered when the client has ended its side and the answer is at hand', async () => {
    const socket = await open()
    const said = conversation(socket)
    socket.end(get(live))
    expect(statusesIn(await said)).toEqual([200])
  })

  it('are answered to clients of HTTP/1.0, without a Host, and the connection ends', async () => {
    expect(statusesIn(await say(`GET ${live} HTTP/1.0\r\n\r\n`))).toEqual([200])
  })
})

describe('what a caller sent, in an error', () => {
  const errorAt = async (path: string): Promise<string> =>
    (JSON.parse((await say(last(path))).split('\r\n\r\n')[1] ?? '') as { error: string }).error

  it('is cut to a hundred characters', async () => {
    expect(await errorAt(`/v2/models/${'m'.repeat(5000)}`)).toBe(
      `Request for unknown model: '${'m'.repeat(100)}…' is not found`,
    )
    expect((await errorAt(`/v2/models/add/versions/${'9'.repeat(5000)}`)).length).toBeLessThan(200)
    expect((await errorAt(`/${'p'.repeat(5000)}`)).length).toBeLessThan(200)
  })

  it('shows characters that would change how it is read', async () => {
    const model = encodeURIComponent('a\u202Eb\u2066c\nd\u0000\u001B[2J')
    expect(await errorAt(`/v2/models/${model}`)).toBe(
      String.raw`Request for unknown model: 'a\u202eb\u2066c\u000ad\u0000\u001b[2J' is not found`,
    )
  })
})
