import { spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { eventually } from '../../src/testing/index.ts'

export interface SpawnedServer {
  readonly http: string
  readonly grpc: string
  readonly pid: number
  /** Ends it as a crash would; resolved once it is gone. */
  kill(): Promise<void>
}

export interface SpawnOptions {
  readonly environment?: Readonly<Record<string, string>>
  readonly flags?: readonly string[]
  /** A program that runs the command which its last arguments are, in its own place. */
  readonly within?: readonly string[]
}

/** A server in a process of its own, on free ports, over a data folder that outlives it. */
export const spawnServer = async (
  dataDir: string,
  { environment = {}, flags: more = [], within = [] }: SpawnOptions = {},
): Promise<SpawnedServer> => {
  const ready = `${dataDir}-ready.json`
  rmSync(ready, { force: true })
  const ports = ['--port', '0', '--grpc-port', '0', '--mlflow-port', 'off']
  const flags = [...ports, '--data-dir', dataDir, '--ready-file', ready, ...more]
  const [command = '', ...args] = [...within, process.execPath, 'bin/slipway.mjs', 'up', ...flags]
  // Why: the server takes variables of its own name for options, and refuses the ones of tests.
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('SLIPWAY_'))
  const server = spawn(command, args, {
    stdio: 'ignore',
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
    async kill() {
      server.kill('SIGKILL')
      await exited
    },
  }
}
