import { readdirSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addModel, eventually, inferBody, liveBytes, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { hosts } from './hosts.ts'

const mebibyte = 1024 * 1024
const connectionsMax = 40

let app: TestApp
let port: number

beforeAll(async () => {
  app = await startTestApp({
    models: {
      'add/1/model.mjs': addModel(1),
      'echo/1/model.echo.json': JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [-1] }] }),
    },
    flags: [
      `--http.connections-max=${connectionsMax}`,
      '--http.request-timeout-ms=1500',
      '--http.header-timeout-ms=1000',
    ],
  })
  port = Number(new URL(app.addresses.http).port)
})

afterAll(async () => {
  expect(app.log.filter((line) => line.level === 'error')).toEqual([])
  await app.stop()
})

const openDescriptors = (): number => readdirSync('/proc/self/fd').length

interface Talk {
  readonly socket: Socket
  /** All that the server said until the connection ended. */
  readonly said: Promise<string>
}

const open = (): Promise<Talk> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve({ socket, said }))
    socket.on('error', reject)
    let text = ''
    const said = new Promise<string>((end) => {
      socket.on('data', (chunk) => (text += chunk.toString('latin1')))
      socket.on('close', () => end(text))
    })
  })

const say = async (text: string | Uint8Array): Promise<string> => {
  const { socket, said } = await open()
  socket.write(text)
  return said
}

const infer = (headers: string, body = '', path = '/v2/models/add/infer'): string =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers}\r\n${body}`

const serves = async (): Promise<void> => {
  expect((await app.post('/v2/models/add/infer', inferBody([1]))).status).toBe(200)
}

describe('a body in chunks', () => {
  const body = JSON.stringify(inferBody([1]))
  const chunk = `${body.length.toString(16)}\r\n${body}\r\n`

  it('may end with trailers, which change nothing', async () => {
    const trailers = 'Host: evil.example\r\nContent-Encoding: gzip\r\nX: y\r\n'
    const said = await say(infer('Transfer-Encoding: chunked\r\nTrailer: X\r\n', `${chunk}0\r\n${trailers}\r\n`))
    expect(said).toMatch(/^HTTP\/1\.1 200 [^]*"data":\[2\]/)
  })

  it.each(['Content-Length: 5', 'Transfer-Encoding: gzip'])('whose trailers say %s is refused', async (trailer) => {
    expect(await say(infer('Transfer-Encoding: chunked\r\n', `${chunk}0\r\n${trailer}\r\n\r\n`))).toMatch(
      /^HTTP\/1\.1 400 /,
    )
  })

  it('whose trailers never end is refused', async () => {
    const endless = `0\r\n${'X: yyyyyyyy\r\n'.repeat(10_000)}`
    expect(await say(infer('Transfer-Encoding: chunked\r\n', chunk + endless))).toMatch(/^HTTP\/1\.1 431 /)
    await serves()
  })

  it('with extensions of chunks without end is refused', async () => {
    const { socket, said } = await open()
    socket.write(infer('Transfer-Encoding: chunked\r\n', '1;'))
    for (let i = 0; i < 100 && socket.writable; i++) socket.write('a=b;'.repeat(1000))
    expect(await said).toMatch(/^HTTP\/1\.1 4\d\d /)
    await serves()
  })

  it('of a million pieces of one byte is refused while little of them is kept', async () => {
    const before = liveBytes()
    const { socket, said } = await open()
    socket.write(infer('Transfer-Encoding: chunked\r\n'))
    const pieces = '1\r\na\r\n'.repeat(10_000)
    for (let i = 0; i < 100 && socket.writable; i++)
      if (!socket.write(pieces))
        await Promise.race([said, new Promise<void>((resolve) => socket.once('drain', resolve))])
    expect(await said).toMatch(/^HTTP\/1\.1 400 [^]*more than 65536 pieces/)
    expect(liveBytes() - before).toBeLessThan(8 * mebibyte)
    await serves()
  })
})

describe('an upgrade', () => {
  it.each([
    [
      'to WebSocket',
      'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
    ],
    ['to HTTP/2', 'Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'],
  ])('%s is not taken: the request is answered as it is', async (_, headers) => {
    const { socket, said } = await open()
    socket.write(`GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n${headers}\r\n`)
    await new Promise((resolve) => socket.once('data', resolve))
    socket.write('GET /v2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    expect((await said).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200'])
  })
})

describe('a path', () => {
  const tricks = [
    '/v2/models/../models/add',
    '/v2/models/%2e%2e/add',
    '/v2/models/..%2fadd',
    '/v2/models/add%00',
    '/v2/models/%c0%ae%c0%ae',
    '/v2/models/%e0%80%ae',
    '/v2/models/%ff',
    '/v2/models/%',
    '/v2/models/%2',
    '/v2/models/..\\add',
    '/v2/models/..%5cadd',
    '/v2/models/add;x=1',
    '/v2/models//add',
    '//v2/models/add',
    '/v2/models/add/',
    '/v2/models/add/.',
    '/V2/models/add',
    '/v2/models/ADD',
    '/v2/models/%2561dd',
    '/v2/models/__proto__',
    '/v2/models/constructor',
    '/v2/models/add/versions/01',
    '/v2/models/add/versions/1e0',
    '/v2/models/add/versions/-1',
    '/v2/models/add/versions/%31%00',
    '/v2/models/add/versions/9999999999999999999999',
    '/v2/models/add/versions/__proto__',
    `/v2/models/${'a'.repeat(8000)}`,
    `/v2/${'models/'.repeat(1000)}`,
    '*',
  ]

  it.each(tricks.map((path) => [path.slice(0, 60), path]))('%s leads to no model', async (_, path) => {
    for (const [method, suffix] of [
      ['GET', ''],
      ['GET', '/config'],
      ['GET', '/ready'],
    ]) {
      const said = await say(`${method} ${path}${suffix} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
      expect(said).toMatch(/^HTTP\/1\.1 (400|404|503) [^]*\r\n\r\n\{"/)
      expect(said).not.toContain(app.repository)
      expect(said).not.toContain(app.dataDir)
    }
    const posted = await say(infer('Content-Length: 2\r\n', '{}', `${path}/infer`))
    expect(posted).toMatch(/^HTTP\/1\.1 (400|404) /)
  })

  it('may be written with what needs no encoding', async () => {
    const said = await say('GET /v2/models/%61dd/versions/%31 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    expect(said).toMatch(/^HTTP\/1\.1 200 /)
  })
})

describe('a client that is slow', () => {
  it('with its body, byte by byte, has no longer than others', async () => {
    const { socket, said } = await open()
    socket.write(infer('Content-Length: 100000\r\n'))
    const startedAt = performance.now()
    const drip = setInterval(() => socket.write(' '), 20)
    expect(await said).toMatch(/^HTTP\/1\.1 408 [^]*request_timeout/)
    clearInterval(drip)
    expect(performance.now() - startedAt).toBeLessThan(8000)
  })

  it('with its head, byte by byte, has no longer than others', async () => {
    const { socket, said } = await open()
    socket.write('GET /v2/health/live HTTP/1.1\r\nX: ')
    const drip = setInterval(() => socket.write('a'), 20)
    expect(await said).toMatch(/^HTTP\/1\.1 408 [^]*request_timeout/)
    clearInterval(drip)
  })

  it('to read, or never does, costs others nothing', async () => {
    const before = liveBytes()
    const values = Array.from({ length: 200_000 }, () => 0.12345678)
    const body = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [values.length], data: values }] })
    const request = Buffer.from(
      `POST /v2/models/echo/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    const deaf = await Promise.all(Array.from({ length: 5 }, open))
    for (const { socket } of deaf) {
      socket.pause()
      for (let i = 0; i < 10; i++) socket.write(request)
    }
    for (let i = 0; i < 20; i++) await serves()
    // What they are owed is as large as what they sent, and is there once as values and once as text at most.
    expect(liveBytes() - before).toBeLessThan(3 * deaf.length * 10 * request.length)
    for (const { socket } of deaf) socket.resetAndDestroy()
    await eventually('nothing is left of them', async () =>
      /slipway_in_flight\{model="echo",version="1"\} 0/.test(await (await app.fetch('/metrics')).text())
        ? true
        : undefined,
    )
    await eventually('their memory is free', () => (liveBytes() - before < 16 * mebibyte ? true : undefined))
  })
})

describe('a storm of connections', () => {
  it('beyond the limit is turned away, those within are served, and all is free after', async () => {
    const before = openDescriptors()
    const idle: Talk[] = []
    for (let i = 0; i < connectionsMax + 60; i++) idle.push(await open())
    const request = 'GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
    for (const { socket } of idle) if (socket.writable) socket.write(request)
    const answers = await Promise.all(idle.map(({ said }) => said))
    const served = answers.filter((text) => text.startsWith('HTTP/1.1 200'))
    expect(served.length).toBeGreaterThan(connectionsMax / 2)
    expect(served.length).toBeLessThanOrEqual(connectionsMax)
    expect(answers.filter((text) => text === '').length).toBe(answers.length - served.length)
    await eventually('descriptors are free', () => (openDescriptors() <= before + 4 ? true : undefined))
    await serves()
  })
})

describe('a storm of loads, unloads and aborted requests', () => {
  it('leaves no descriptor, no host and no folder', { timeout: 120_000 }, async () => {
    await serves()
    const [before, hostsBefore] = [openDescriptors(), hosts().length]
    const change = async (doing: string): Promise<void> => {
      const { status } = await app.post(`/v2/repository/models/add/${doing}`)
      expect(status).toBe(200)
    }
    const changing = (async () => {
      for (let i = 0; i < 10; i++) await Promise.all([change('load'), change('unload'), change('load')])
    })()
    const body = JSON.stringify(inferBody([1]))
    let storms = true
    const aborting = (async () => {
      while (storms) {
        const talks = await Promise.all(Array.from({ length: 8 }, open))
        for (const [i, { socket }] of talks.entries()) {
          const text = infer(`Content-Length: ${body.length}\r\n`, body)
          socket.write(i % 2 === 0 ? text : text.slice(0, -5), () => socket.resetAndDestroy())
        }
        await Promise.all(talks.map(({ said }) => said))
      }
    })()
    await changing
    storms = false
    await aborting
    await change('load')
    await serves()
    await eventually('the earlier hosts have ended', () => (hosts().length === hostsBefore ? true : undefined))
    await eventually('descriptors are free', () => (openDescriptors() <= before + 4 ? true : undefined))
    expect(readdirSync(join(app.dataDir, 'models'))).toEqual([])
  })
})
