import { spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { SlipwayClient } from '../../src/client/index.ts'
import { eventually } from '../../src/testing/index.ts'

/** A server in a process of its own. */
export interface ServerProcess {
  readonly client: SlipwayClient
  /** As a power cut would. */
  kill(): Promise<void>
}

/** Starts it over a folder of the test's; what the folder holds stays when it is killed. */
export const startServer = async (
  folder: string,
  more: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> => {
  const ready = join(folder, 'ready.json')
  rmSync(ready, { force: true })
  const flags = {
    '--port': '0',
    '--grpc-port': '0',
    '--mlflow-port': 'off',
    '--data-dir': join(folder, 'data'),
    '--ready-file': ready,
    ...more,
  }
  const args = ['bin/slipway.mjs', 'up', ...Object.entries(flags).flat()]
  // Why: the server takes variables of its own name for options, and refuses the ones of tests.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SLIPWAY_')))
  const server = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'], env })
  let hasEnded = false
  const exited = new Promise<void>((resolve) => server.on('exit', () => resolve())).then(() => {
    hasEnded = true
  })
  const { http } = await eventually('the server is ready', () => {
    if (hasEnded) throw new Error(`the server ended with code ${server.exitCode}`)
    return existsSync(ready) ? (JSON.parse(readFileSync(ready, 'utf8')) as { http: string }) : undefined
  })
  return {
    client: new SlipwayClient({ url: http }),
    async kill() {
      server.kill('SIGKILL')
      await exited
    },
  }
}
