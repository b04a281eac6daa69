import { createServer as createHttp } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { createServer as createTcp } from 'node:net'
import type { AddressInfo, Server as TcpServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import type { Clock } from '../../lib/index.ts'
import { systemClock } from '../../lib/index.ts'
import type { OutboundPost } from '../../ports/index.ts'
import { openOutbound } from './open-outbound.ts'

/** Of hooks.example.test, by itself; good until 2126. */
const certificate = `-----BEGIN CERTIFICATE-----
MIIBsDCCAVagAwIBAgIUBpld1MWmR6w7Ix/LEBQjJFDCPdIwCgYIKoZIzj0EAwIw
HTEbMBkGA1UEAwwSaG9va3MuZXhhbXBsZS50ZXN0MCAXDTI2MTEyODA5MTQyNFoY
DzIxMjYxMTA0MDkxNDI0WjAdMRswGQYDVQQDDBJob29rcy5leGFtcGxlLnRlc3Qw
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASllSuZ5yQJCxH4yipA1pgy1FOrXUpC
b5FpkZMB+jCh1WXL1tWXZBndiEszbUDZlUiLo/lWnt2k/FV+NbXuPnq9o3IwcDAd
BgNVHQ4EFgQU+57EL2JvoZo2dukZ0SPrKftQXuwwHwYDVR0jBBgwFoAU+57EL2Jv
oZo2dukZ0SPrKftQXuwwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHREEFjAUghJob29r
cy5leGFtcGxlLnRlc3QwCgYIKoZIzj0EAwIDSAAwRQIhAPTAxjA2mAqXtZxm4cXk
aH8Rxr5ugY9F9N37ZS4Lv8ogAiBaU7nqqipoilE4aOOV1sNMWcdge4gc5d1akOW+
uwBzmA==
-----END CERTIFICATE-----`
const privateKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgowwiF2ajMXwM/z8G
2FUYRFgnG9xA11GYvRZyRvfgJ2ChRANCAASllSuZ5yQJCxH4yipA1pgy1FOrXUpC
b5FpkZMB+jCh1WXL1tWXZBndiEszbUDZlUiLo/lWnt2k/FV+NbXuPnq9
-----END PRIVATE KEY-----`

interface Receiver extends AsyncDisposable {
  readonly port: number
  /** Connections that were ever made. */
  readonly connections: () => number
}

const listening = async (server: Server | TcpServer): Promise<Receiver> => {
  let connections = 0
  const sockets = new Set<{ destroy(): void }>()
  server.on('connection', (socket) => {
    connections++
    sockets.add(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const receiver = (listener: RequestListener): Promise<Receiver> => listening(createHttp(listener))

const request = (url: string, more: Partial<OutboundPost> = {}): OutboundPost => ({
  url: new URL(url),
  headers: { 'content-type': 'application/json', 'X-Mine': 'a' },
  body: Buffer.from('{"a":1}'),
  timeoutMs: 9000,
  replyBytesMax: 1000,
  mayConnect: () => true,
  ...more,
})

const loopback = [{ address: '127.0.0.1', family: 4 }]

describe('a request to a server that a user named', () => {
  it('carries its headers and body, and brings the reply back', async () => {
    const heard: unknown[] = []
    await using there = await receiver((incoming, response) => {
      let body = ''
      incoming.on('data', (piece: Buffer) => (body += piece.toString()))
      incoming.on('end', () => {
        heard.push([incoming.method, incoming.url, incoming.headers['x-mine'], incoming.headers['host'], body])
        response.writeHead(429, { 'Retry-After': '7' }).end('later')
      })
    })
    const outbound = openOutbound({ clock: systemClock, lookup: () => Promise.resolve(loopback) })
    const outcome = await outbound.post(request(`http://hooks.example.test:${there.port}/a?b=c`))
    expect(outcome).toMatchObject({ status: 429, headers: { 'retry-after': '7' } })
    expect('body' in outcome && Buffer.from(outcome.body).toString()).toBe('later')
    expect(heard).toEqual([['POST', '/a?b=c', 'a', `hooks.example.test:${there.port}`, '{"a":1}']])
  })

  it('connects nowhere when any address of the host is closed, also when it was open before', async () => {
    await using inside = await receiver((_, response) => response.end('secret'))
    const answers = [
      [{ address: '93.184.215.14', family: 4 }],
      loopback,
      [...loopback, { address: '93.184.215.14', family: 4 }],
    ]
    const outbound = openOutbound({ clock: systemClock, lookup: () => Promise.resolve(answers.shift() ?? loopback) })
    const mayConnect = (address: string): boolean => address !== '127.0.0.1'
    expect((await outbound.resolve('hooks.example.test')).every(mayConnect)).toBe(true)
    for (const scheme of ['http', 'https']) {
      const outcome = await outbound.post(request(`${scheme}://hooks.example.test:${inside.port}/`, { mayConnect }))
      expect(outcome).toEqual({ kind: 'refused', reason: '127.0.0.1 is not a public address' })
    }
    const literal = await outbound.post(request(`http://127.0.0.1:${inside.port}/`, { mayConnect }))
    expect(literal).toMatchObject({ kind: 'refused' })
    expect(inside.connections()).toBe(0)
  })

  it('goes to the address that was checked, even if the name leads elsewhere a moment later', async () => {
    await using checked = await receiver((_, response) => response.end('checked'))
    let lookups = 0
    const lookup = () => {
      lookups++
      return Promise.resolve(lookups === 1 ? loopback : [{ address: '127.0.0.9', family: 4 }])
    }
    const outbound = openOutbound({ clock: systemClock, lookup })
    const asked: string[] = []
    const outcome = await outbound.post(
      request(`http://hooks.example.test:${checked.port}/`, {
        mayConnect: (address) => asked.push(address) > 0,
      }),
    )
    expect(outcome).toMatchObject({ status: 200 })
    expect([asked, lookups]).toEqual([['127.0.0.1'], 1])
  })

  it('follows no redirect', async () => {
    await using inside = await receiver((_, response) => response.end('secret'))
    await using there = await receiver((_, response) =>
      response.writeHead(307, { location: `http://127.0.0.1:${inside.port}/latest/meta-data` }).end(),
    )
    const outcome = await openOutbound({ clock: systemClock }).post(request(`http://127.0.0.1:${there.port}/`))
    expect(outcome).toMatchObject({ status: 307 })
    expect(inside.connections()).toBe(0)
  })

  it('reads no more of a reply than it may', async () => {
    await using there = await receiver((_, response) => {
      const more = (): void => {
        if (!response.destroyed && response.write('x'.repeat(10_000))) setImmediate(more)
        else response.once('drain', more)
      }
      more()
    })
    const outcome = await openOutbound({ clock: systemClock }).post(request(`http://127.0.0.1:${there.port}/`))
    expect('body' in outcome && outcome.body.length).toBe(1000)
  })

  it('ends when its time is up, whatever the receiver does meanwhile', async () => {
    await using silent = await listening(createTcp(() => {}))
    await using dripping = await receiver((_, response) => {
      response.write('a')
    })
    let fire = (): void => {}
    const clock: Clock = {
      ...systemClock,
      setTimer(fn, delayMs) {
        if (delayMs === 9000) fire = fn
        return { cancel() {} }
      },
    }
    for (const there of [silent, dripping]) {
      const outcome = openOutbound({ clock }).post(request(`http://127.0.0.1:${there.port}/`))
      while (there.connections() === 0) await new Promise(setImmediate)
      fire()
      expect(await outcome).toEqual({ kind: 'timeout', reason: 'no reply within 9000 ms' })
    }
    const never = openOutbound({ clock, lookup: () => new Promise(() => {}) })
    const outcome = never.post(request('http://hooks.example.test/'))
    fire()
    expect(await outcome).toMatchObject({ kind: 'timeout' })
  })

  it('can be broken off, before it is sent and after', async () => {
    await using silent = await listening(createTcp(() => {}))
    const outbound = openOutbound({ clock: systemClock })
    const late = new AbortController()
    const under = outbound.post(request(`http://127.0.0.1:${silent.port}/`, { signal: late.signal }))
    while (silent.connections() === 0) await new Promise(setImmediate)
    late.abort()
    expect(await under).toMatchObject({ kind: 'aborted' })
    const before = await outbound.post(request(`http://127.0.0.1:${silent.port}/`, { signal: AbortSignal.abort() }))
    expect(before).toMatchObject({ kind: 'aborted' })
    expect(silent.connections()).toBe(1)
  })

  it('tells why it reached nobody', async () => {
    await using there = await listening(createTcp((socket) => socket.end('no HTTP\r\n\r\n')))
    const outbound = openOutbound({ clock: systemClock, lookup: () => Promise.reject(new Error('ENOTFOUND')) })
    expect(await outbound.post(request(`http://127.0.0.1:${there.port}/`))).toMatchObject({ kind: 'unreachable' })
    expect(await outbound.post(request('http://hooks.example.test/'))).toEqual({
      kind: 'unreachable',
      reason: 'ENOTFOUND',
    })
    const nobody = openOutbound({ clock: systemClock, lookup: () => Promise.resolve([]) })
    await expect(nobody.resolve('hooks.example.test')).rejects.toThrow('no address')
  })

  it('believes a certificate only when it is trusted and names the host', async () => {
    const server = createHttps({ key: privateKey, cert: certificate }, (_, response) => response.end('ok'))
    await using there = await listening(server)
    const lookup = () => Promise.resolve(loopback)
    const trusting = openOutbound({ clock: systemClock, lookup, ca: certificate })
    const url = `https://hooks.example.test:${there.port}/`
    expect(await trusting.post(request(url))).toMatchObject({ status: 200 })
    expect(await trusting.post(request(`https://other.example.test:${there.port}/`))).toMatchObject({
      kind: 'unreachable',
      reason: expect.stringContaining('other.example.test'),
    })
    expect(await openOutbound({ clock: systemClock, lookup }).post(request(url))).toMatchObject({ kind: 'unreachable' })
  })
})
