import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addModel, eventually, inferBody } from '../../src/testing/index.ts'
import { frameTypes, rawFrame } from './raw-http2.ts'
import { spawnServer } from './spawn-server.ts'
import type { SpawnedServer } from './spawn-server.ts'

const kibibyte = 1024
const many = 5000
/** Node raises its own limit to the hard one; this process has the clients, the server their other ends. */
const descriptorsMax = Number(/^Max open files +\d+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1])
const mayOpenMany = descriptorsMax > many + 1000

let root: string
const sockets: Socket[] = []

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slipway-many-'))
  mkdirSync(join(root, 'models/add/1'), { recursive: true })
  writeFileSync(join(root, 'models/add/1/model.mjs'), addModel(1))
})

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  rmSync(root, { recursive: true, force: true })
})

const start = (...flags: string[]): Promise<SpawnedServer> =>
  spawnServer(join(root, 'data'), { flags: ['--model-repository', join(root, 'models'), ...flags] })

interface Talk {
  readonly socket: Socket
  /** All that the server said until the connection ended. */
  readonly said: Promise<string>
}

const open = (address: string): Promise<Talk> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(address)
    const socket = connect(Number(port), hostname)
    sockets.push(socket)
    let text = ''
    const said = new Promise<string>((end) => {
      socket.on('data', (chunk) => (text += chunk.toString('latin1')))
      socket.on('close', () => end(text))
    })
    socket.on('error', () => {})
    const talk = { socket, said }
    socket.on('connect', () => resolve(talk))
    socket.on('close', () => resolve(talk))
  })

const descriptors = ({ pid }: SpawnedServer): number => readdirSync(`/proc/${pid}/fd`).length

const resident = ({ pid }: SpawnedServer): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * kibibyte

/** A client that keeps its connection, and what its requests took. */
const honest = async (server: SpawnedServer, agent: Agent): Promise<number> => {
  const startedAt = performance.now()
  const status = await new Promise((resolve, reject) => {
    const outgoing = request(`${server.http}/v2/models/add/infer`, { method: 'POST', agent }, (answer) =>
      answer.resume().on('end', () => resolve(answer.statusCode)),
    )
    outgoing.on('error', reject)
    outgoing.end(JSON.stringify(inferBody([1])))
  })
  expect(status).toBe(200)
  return performance.now() - startedAt
}

const medianOf = async (server: SpawnedServer, agent: Agent): Promise<number> => {
  const times: number[] = []
  for (let i = 0; i < 200; i++) times.push(await honest(server, agent))
  return times.sort((a, b) => a - b)[100] ?? Infinity
}

const freed = (server: SpawnedServer, before: number): Promise<unknown> =>
  eventually('descriptors are free', () => (descriptors(server) <= before ? true : undefined), 40_000)

describe.runIf(mayOpenMany)(`${many} clients`, () => {
  it(
    'that have nothing to say cost little memory and others no time, until they are let go',
    { timeout: 180_000 },
    async () => {
      const server = await start(
        ...['header-timeout-ms', 'keep-alive-timeout-ms'].map((name) => `--http.${name}=15s`),
        '--grpc.request-timeout-ms=15s',
        '--grpc.silence-ms=8s',
      )
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      try {
        const alone = await medianOf(server, agent)
        const [before, residentBefore] = [descriptors(server), resident(server)]
        const idle: Talk[] = []
        const said = [
          [server.http, ''],
          [server.http, 'GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n'],
          [`http://${server.grpc}`, ''],
          [
            `http://${server.grpc}`,
            `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${rawFrame({ type: frameTypes.settings }).toString('latin1')}`,
          ],
        ] as const
        for (let i = 0; i < many; i += 50) {
          const some = await Promise.all(
            Array.from({ length: 50 }, () => open(said[(i / 50) % said.length]?.[0] ?? '')),
          )
          for (const { socket } of some) socket.write(said[(i / 50) % said.length]?.[1] ?? '', 'latin1')
          idle.push(...some)
        }
        await eventually('the server has taken them all', () =>
          descriptors(server) >= before + many ? true : undefined,
        )
        expect(await medianOf(server, agent)).toBeLessThan(5 * alone + 20)
        expect(resident(server) - residentBefore).toBeLessThan(many * 64 * kibibyte)
        agent.destroy()
        const words = await Promise.all(idle.map((talk) => talk.said))
        expect(words.filter((text) => text.startsWith('HTTP/1.1 408')).length).toBe(many / 4)
        expect(words.filter((text) => text.startsWith('HTTP/1.1 200')).length).toBe(many / 4)
        await freed(server, before)
        await honest(server, agent)
      } finally {
        agent.destroy()
        await server.kill()
      }
    },
  )

  it(
    'at once are served up to the limit and turned away beyond, while one that was there before is served',
    { timeout: 180_000 },
    async () => {
      const connectionsMax = 1000
      const server = await start(`--http.connections-max=${connectionsMax}`)
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      try {
        await honest(server, agent)
        const before = descriptors(server)
        const storm = Array.from({ length: many }, () => open(server.http))
        let isOver = false
        const serving = (async () => {
          let served = 0
          for (; !isOver; served++) await honest(server, agent)
          return served
        })()
        const talks = await Promise.all(storm)
        expect(descriptors(server)).toBeLessThanOrEqual(before + connectionsMax)
        for (const { socket } of talks)
          if (socket.writable)
            socket.write('GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
        const words = await Promise.all(talks.map(({ said }) => said))
        isOver = true
        expect(await serving).toBeGreaterThan(0)
        const served = words.filter((text) => text.startsWith('HTTP/1.1 200')).length
        expect(served).toBeGreaterThanOrEqual(connectionsMax / 2)
        expect(words.filter((text) => text === '').length).toBe(many - served)
        await freed(server, before)
        await honest(server, agent)
      } finally {
        agent.destroy()
        await server.kill()
      }
    },
  )
})
