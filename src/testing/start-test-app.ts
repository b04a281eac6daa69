import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { loadConfig } from '../app/config/load-config.ts'
import { start } from '../app/start.ts'
import type { Addresses, App } from '../app/start.ts'
import type { Logger } from '../lib/index.ts'

export interface TestAppOptions {
  /** Files of the model repository: `NAME/VERSION/FILE` or `NAME/config.pbtxt` to its content. */
  readonly models?: Readonly<Record<string, string | Uint8Array>>
  /** Flags of `slipway up`. */
  readonly flags?: readonly string[]
  /** Environment of the server; empty when left out. */
  readonly environment?: Readonly<Record<string, string | undefined>>
}

export interface LogLine {
  readonly level: string
  readonly event: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** A server of its own, in this process, on free ports of the loopback, with an empty data folder. */
export interface TestApp extends AsyncDisposable {
  readonly addresses: Required<Pick<Addresses, 'http' | 'grpc'>> & Pick<Addresses, 'mlflow'>
  readonly repository: string
  readonly dataDir: string
  readonly log: readonly LogLine[]
  /** Writes a file of the model repository. */
  write(path: string, content: string | Uint8Array): void
  fetch(path: string, init?: RequestInit): Promise<Response>
  /** Sends JSON (an object) or text as it is. */
  post(path: string, body?: unknown): Promise<Response>
  stop(): Promise<void>
}

/** Starts a server and waits until its models are loaded. */
export const startTestApp = async (options: TestAppOptions = {}): Promise<TestApp> => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-test-'))
  const repository = join(root, 'models')
  const dataDir = join(root, 'data')
  mkdirSync(repository)
  const write = (path: string, content: string | Uint8Array): void => {
    mkdirSync(dirname(join(repository, path)), { recursive: true })
    writeFileSync(join(repository, path), content)
  }
  for (const [path, content] of Object.entries(options.models ?? {})) write(path, content)
  const log: LogLine[] = []
  const given = options.flags ?? []
  const own = {
    '--port': '0',
    '--grpc-port': '0',
    '--mlflow-port': 'off',
    '--data-dir': dataDir,
    '--model-repository': repository,
    '--shutdown-idle-ms': '0',
  }
  const flags = [...Object.entries(own).flatMap((flag) => (given.includes(flag[0]) ? [] : flag)), ...given]
  const remove = (): void => rmSync(root, { recursive: true, force: true })
  const app = await startIn(root, flags, { log, environment: options.environment ?? {} }).catch((error: unknown) => {
    remove()
    throw error
  })
  const { http = '', grpc = '', mlflow } = app.addresses
  const addresses = { http, grpc, ...(mlflow !== undefined && { mlflow }) }
  const fetchPath = (path: string, init?: RequestInit): Promise<Response> => fetch(new URL(path, addresses.http), init)
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => (stopped ??= app.stop().then(remove))
  return {
    addresses,
    repository,
    dataDir,
    log,
    write,
    fetch: fetchPath,
    post: (path, body) =>
      fetchPath(path, {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body ?? {}),
        headers: { 'content-type': 'application/json' },
      }),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

const startIn = async (
  root: string,
  flags: readonly string[],
  { log, environment }: { readonly log: LogLine[]; readonly environment: NonNullable<TestAppOptions['environment']> },
): Promise<App> => {
  const { config } = loadConfig({ args: flags, environment: {}, directory: root })
  const app = await start(config, { logger: recordingLogger(log), environment })
  await app.loaded
  return app
}

const recordingLogger = (lines: LogLine[]): Logger => {
  const at =
    (level: string) =>
    (event: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      lines.push({ level, event, fields })
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
