import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/app/config/load-config.ts'
import { start } from '../../src/app/start.ts'
import { runSlipway } from './run-slipway.ts'
import type { Ran } from './run-slipway.ts'
import { spawnServer } from './spawn-server.ts'
import { addModel, startTestApp } from '../../src/testing/index.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-start-'))
afterAll(() => rmSync(root, { recursive: true }))

/** `slipway up` on free ports, unless the flags name one. */
const up = async (...flags: readonly string[]): Promise<Ran> => {
  const ports = ['--port', '--grpc-port'].filter((port) => !flags.includes(port)).flatMap((port) => [port, '0'])
  return runSlipway(undefined, ['up', ...ports, '--shutdown-idle-ms', '0', ...flags], { directory: root })
}

const occupiedPort = async (): Promise<{ readonly port: number; readonly server: Server }> => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, server }
}

/** A model that says that it loads by making a file, and is loaded once the other file is there. */
const latched = (begun: string, latch: string): string => `
  import { existsSync, writeFileSync } from 'node:fs'
  writeFileSync(${JSON.stringify(begun)}, '')
  while (!existsSync(${JSON.stringify(latch)})) await new Promise((done) => setTimeout(done, 10))
  ${addModel(1)}`

describe('a server that starts', () => {
  it('tells a port that is taken before any model loads', async () => {
    await using other = await startTestApp()
    const begun = join(root, 'begun')
    other.write('m/1/model.mjs', latched(begun, join(root, 'never')))
    const { port, server } = await occupiedPort()
    const dataDir = join(root, 'port')
    for (const door of ['--port', '--grpc-port']) {
      const flags = [door, String(port), '--data-dir', dataDir, '--model-repository', other.repository]
      const { code, out, err } = await up(...flags)
      expect({ code, out }).toEqual({ code: 1, out: '' })
      expect(err).toContain(`port ${port} is taken by another program`)
    }
    expect(existsSync(begun)).toBe(false)
    expect(existsSync(join(dataDir, 'slipway.lock')), 'no lock stays behind').toBe(false)
    server.close()
  })

  it('tells where it is, or what is wrong, as JSON when asked', async () => {
    const server = await spawnServer(join(root, 'json'), { flags: ['--json'], output: 'pipe' })
    server.output.stdout?.setEncoding('utf8')
    const said = new Promise<string>((resolve) => server.output.stdout?.once('data', resolve))
    expect(JSON.parse(await said)).toEqual({ http: server.http, grpc: server.grpc })
    await server.stop()
    const { code, out, err } = await up('--json', '--port', 'x')
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(JSON.parse(err)).toMatchObject({ error: { code: 'wrong_usage' } })
  })

  it('answers "not ready" until its models are loaded', async () => {
    await using other = await startTestApp()
    const [begun, latch] = [join(root, 'loading'), join(root, 'latch')]
    other.write('m/1/model.mjs', latched(begun, latch))
    const args = ['--port=0', '--grpc-port=0', '--shutdown-idle-ms=0', `--model-repository=${other.repository}`]
    const { config } = loadConfig({
      args: [...args, `--data-dir=${join(root, 'ready')}`],
      environment: {},
      directory: root,
    })
    const silent = (): void => undefined
    const app = await start(config, {
      logger: { debug: silent, info: silent, warn: silent, error: silent },
      environment: {},
    })
    const status = async (path: string): Promise<number> => (await fetch(`${app.addresses.http ?? ''}${path}`)).status
    try {
      expect([await status('/livez'), await status('/readyz'), await status('/v2/health/ready')]).toEqual([
        200, 503, 503,
      ])
      writeFileSync(latch, '')
      await app.loaded
      expect([await status('/readyz'), await status('/v2/models/m/ready')]).toEqual([200, 200])
    } finally {
      await app.stop()
    }
  })

  it('refuses a data folder that another server uses, with its process and the folder', async () => {
    await using app = await startTestApp()
    expect(await up('--data-dir', app.dataDir)).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining(
        `the data folder ${app.dataDir} is in use by the server with process id ${process.pid}`,
      ) as unknown,
    })
    expect((await app.fetch('/readyz')).status).toBe(200)
  })

  it('shares the data folder with its successor when both share their port', async () => {
    const dataDir = join(root, 'successor')
    const flags = ['--http.reuse-port', '--data-dir', dataDir]
    const first = await startTestApp({ flags })
    const second = await startTestApp({ flags })
    await first.stop()
    expect((await second.fetch('/readyz')).status).toBe(200)
    await second.stop()
    expect(existsSync(join(dataDir, 'slipway.lock'))).toBe(false)
  })

  it('takes over the data folder of a server that was killed', async () => {
    const dataDir = join(root, 'killed')
    const program = fileURLToPath(new URL('../../bin/slipway.mjs', import.meta.url))
    const flags = ['--port=0', '--grpc-port=0', `--data-dir=${dataDir}`]
    const child = spawn(process.execPath, [program, 'up', ...flags], { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    try {
      await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()))
      expect((await up('--data-dir', dataDir)).err).toContain(`process id ${child.pid ?? ''};`)
    } finally {
      child.kill('SIGKILL')
    }
    await ended
    expect(existsSync(join(dataDir, 'slipway.lock'))).toBe(true)
    await using app = await startTestApp({ flags: ['--data-dir', dataDir] })
    expect((await app.fetch('/readyz')).status).toBe(200)
  })

  it('refuses a data folder that is a file, at once', async () => {
    const path = join(root, 'file')
    writeFileSync(path, '')
    expect((await up('--data-dir', path)).err).toContain(`the data folder ${path} can't be used: a file is in the way`)
  })

  it('ends when it can not write its addresses', async () => {
    const { code, out, err } = await up('--data-dir', join(root, 'ends'), '--ready-file', join(root, 'none', 'ready'))
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toMatch(/ENOENT.*none\/ready/)
  })
})
