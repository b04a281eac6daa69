import { spawn } from 'node:child_process'
import { wait } from './wait.ts'

export interface ServerCommand {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd?: string
  /** Over the bench's own environment; undefined leaves a variable out. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** A server that the bench started; disposing stops it. */
export interface ChildServer extends AsyncDisposable {
  readonly pid: number
  /** Exit code or signal name once it is gone. */
  readonly exited: Promise<number | string>
  /** Throws with the end of its output when it is gone. */
  throwIfExited(): void
  /** SIGTERM, and SIGKILL when it stays beyond 40 s. */
  stop(): Promise<number | string>
}

const stopTimeoutMs = 40_000
const outputCharactersKept = 4000

/** Starts a server; its output is kept only to explain a failure. */
export const startChild = ({ command, args, cwd, env }: ServerCommand): ChildServer => {
  const child = spawn(command, args, {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let gone: number | string | undefined
  let stopping = false
  const keep = (text: string): void => {
    output = (output + text).slice(-outputCharactersKept)
  }
  child.stdout.setEncoding('utf8').on('data', keep)
  child.stderr.setEncoding('utf8').on('data', keep)
  const exited = new Promise<number | string>((resolve) => {
    child.once('error', (error) => keep(error.message))
    child.once('close', (code, signal) => {
      gone = code ?? signal ?? 'unknown'
      // Whatever was measuring it will only see refused connections.
      if (!stopping) console.error(`${args.join(' ')} ended by itself with ${gone}:\n${output}`)
      resolve(gone)
    })
  })
  const stop = async (): Promise<number | string> => {
    if (gone !== undefined) return gone
    stopping = true
    child.kill('SIGTERM')
    const ended = await Promise.race([exited, wait(stopTimeoutMs)])
    if (ended === undefined) child.kill('SIGKILL')
    return exited
  }
  return {
    pid: child.pid ?? 0,
    exited,
    throwIfExited: () => {
      if (gone !== undefined) throw new Error(`${command} ended with ${gone}:\n${output}`)
    },
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  }
}

/** Polls until `isReady`, which may throw while the server isn't; throws when the server ends or takes too long. */
export const untilReady = async (
  server: ChildServer,
  isReady: () => Promise<boolean>,
  options: { readonly timeoutMs?: number; readonly pauseMs?: number } = {},
): Promise<void> => {
  const giveUpAt = performance.now() + (options.timeoutMs ?? 60_000)
  while (!(await isReady().catch(() => false))) {
    server.throwIfExited()
    if (performance.now() > giveUpAt) throw new Error('the server did not become ready in time')
    await wait(options.pauseMs ?? 20)
  }
}
