import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../../src/testing/index.ts'
import { spawnServer } from './spawn-server.ts'
import type { SpawnedServer } from './spawn-server.ts'
import { clientsOpened, openClients } from './vanishing-clients.ts'

const flags = [
  '--http.header-timeout-ms=2s',
  '--http.request-timeout-ms=2s',
  '--http.stall-timeout-ms=2s',
  '--http.keep-alive-timeout-ms=2s',
  '--grpc.request-timeout-ms=2s',
  '--grpc.silence-ms=2s',
]

/** Starts a program in a network of its own, where only the loopback is. */
const ownNetwork = ['unshare', '--map-root-user', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh']

const mayHaveOwnNetwork = ((): boolean => {
  try {
    const [command = '', ...args] = ownNetwork
    execFileSync(command, [...args, 'nsenter', '--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

let root: string

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'slipway-vanished-'))
  mkdirSync(join(root, 'models/echo/1'), { recursive: true })
  const echo = { inputs: [{ name: 'x', datatype: 'FP32', shape: [-1] }] }
  writeFileSync(join(root, 'models/echo/1/model.echo.json'), JSON.stringify(echo))
})

afterAll(() => rmSync(root, { recursive: true, force: true }))

const start = (name: string, within: readonly string[] = []): Promise<SpawnedServer> =>
  spawnServer(join(root, name), { flags: [...flags, '--model-repository', join(root, 'models')], within })

const descriptors = ({ pid }: SpawnedServer): number => readdirSync(`/proc/${pid}/fd`).length

const freed = (server: SpawnedServer, before: number): Promise<unknown> =>
  eventually('their connections are free', () => (descriptors(server) <= before ? true : undefined), 30_000)

describe('clients that are gone without a word, whatever they were at', () => {
  it('hold their connections no longer than the limits say when they fall silent', async () => {
    const server = await start('silent')
    const sockets: Socket[] = []
    try {
      const before = descriptors(server)
      sockets.push(...(await openClients(server.http, server.grpc)))
      expect(descriptors(server)).toBeGreaterThanOrEqual(before + clientsOpened)
      expect((await fetch(`${server.http}/v2/health/ready`)).status).toBe(200)
      await freed(server, before)
      const metrics = await (await fetch(`${server.http}/metrics`)).text()
      expect(metrics).toMatch(/slipway_in_flight\{[^}]*\} 0/)
    } finally {
      for (const socket of sockets) socket.destroy()
      await server.kill()
    }
  })

  it.runIf(mayHaveOwnNetwork)('hold them no longer when the network between is gone', async () => {
    const server = await start('cut', ownNetwork)
    const inside = ['--target', String(server.pid), '--user', '--net', '--preserve-credentials']
    const clients = async (): Promise<() => Promise<unknown>> => {
      const program = fileURLToPath(new URL('./vanishing-clients.ts', import.meta.url))
      const args = [...inside, process.execPath, program, server.http, server.grpc]
      const child = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'inherit'] })
      const exited = once(child, 'exit')
      await Promise.race([
        once(child.stdout, 'data'),
        exited.then(() => Promise.reject(new Error('the clients ended'))),
      ])
      return () => {
        child.kill('SIGKILL')
        return exited
      }
    }
    try {
      const before = descriptors(server)
      const endClients = await clients()
      expect(descriptors(server)).toBeGreaterThanOrEqual(before + clientsOpened)
      execFileSync('nsenter', [...inside, 'ip', 'link', 'set', 'lo', 'down'])
      await endClients()
      await freed(server, before)
      execFileSync('nsenter', [...inside, 'ip', 'link', 'set', 'lo', 'up'])
      // It serves on: clients get as far as those before.
      await (
        await clients()
      )()
    } finally {
      await server.kill()
    }
  })
})
