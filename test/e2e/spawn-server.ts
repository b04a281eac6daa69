import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { eventually } from '../../src/testing/index.ts'

export interface SpawnedServer {
  readonly http: string
  readonly grpc: string
  readonly pid: number
  /** Its standard output and error, where the options ask for pipes. */
  readonly output: Pick<ChildProcess, 'stdout' | 'stderr'>
  fetch(path: string, init?: RequestInit): Promise<Response>
  /** Sends JSON (an object) or text as it is. */
  post(path: string, body?: unknown): Promise<Response>
  /** Ends it as a crash would; resolved once it is gone. */
  kill(): Promise<void>
  /** Asks it to stop; the code that it exits with. */
  stop(): Promise<number | null>
}

export interface SpawnOptions {
  readonly environment?: Readonly<Record<string, string>>
  readonly flags?: readonly string[]
  /** A program that runs the command which its last arguments are, in its own place. */
  readonly within?: readonly string[]
  /** Of its standard output and error; nothing is kept of them otherwise. */
  readonly output?: 'pipe' | 'ignore'
}

/** A server in a process of its own, on free ports, over a data folder that outlives it. */
export const spawnServer = async (
  dataDir: string,
  { environment = {}, flags: more = [], within = [], output = 'ignore' }: SpawnOptions = {},
): Promise<SpawnedServer> => {
  const ready = `${dataDir}-ready.json`
  rmSync(ready, { force: true })
  const ports = ['--port', '0', '--grpc-port', '0', '--mlflow-port', 'off']
  const flags = [...ports, '--data-dir', dataDir, '--ready-file', ready, ...more]
  const [command = '', ...args] = [...within, process.execPath, 'bin/slipway.mjs', 'up', ...flags]
  // Why: the server takes variables of its own name for options, and refuses the ones of tests.
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('SLIPWAY_'))
  const server = spawn(command, args, {
    stdio: ['ignore', output, output],
    env: { ...Object.fromEntries(inherited), ...environment },
  })
  const exited = new Promise<void>((resolve) => server.on('exit', () => resolve()))
  const { http, grpc } = await eventually('the server is ready', () =>
    existsSync(ready) ? (JSON.parse(readFileSync(ready, 'utf8')) as { http: string; grpc: string }) : undefined,
  )
  return {
    http,
    grpc,
    pid: server.pid ?? 0,
    output: server,
    fetch: (path, init) => fetch(http + path, init),
    post: (path, body) =>
      fetch(http + path, {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body ?? {}),
        headers: { 'content-type': 'application/json' },
      }),
    async kill() {
      server.kill('SIGKILL')
      await exited
    },
    async stop() {
      server.kill('SIGTERM')
      await exited
      return server.exitCode
    },
  }
}
