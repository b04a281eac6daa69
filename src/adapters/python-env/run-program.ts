import { spawn } from 'node:child_process'

export interface RunOptions {
  readonly environment: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  onLine?(line: string): void
}

export interface RunResult {
  /** `done`, or how it ended otherwise. */
  readonly status: string
  /** Its last lines of both streams, in the order in which they came. */
  readonly output: readonly string[]
}

const linesMax = 200
const lineCharactersMax = 2000

/** Runs a program to its end, or to the end of its time; with it end the programs that it started. Never throws. */
export const runProgram = (command: readonly string[], options: RunOptions): Promise<RunResult> =>
  new Promise((resolve) => {
    const output: string[] = []
    let why = ''
    const child = spawn(command[0] ?? '', command.slice(1), {
      env: options.environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      // Why: a group of its own, so that compilers and the like end with it.
      detached: true,
    })
    const kill = (reason: string): void => {
      why ||= reason
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      } catch {
        // It has ended meanwhile.
      }
    }
    const tooLong = AbortSignal.timeout(options.timeoutMs)
    const onTimeout = (): void => kill(`it took longer than ${options.timeoutMs / 1000} s`)
    const onAbort = (): void => kill('it was called off')
    tooLong.addEventListener('abort', onTimeout)
    options.signal?.addEventListener('abort', onAbort)
    if (options.signal?.aborted === true) onAbort()
    const onLine = (line: string): void => {
      output.push(line)
      if (output.length > linesMax) output.shift()
      options.onLine?.(line)
    }
    for (const stream of [child.stdout, child.stderr]) readLines(stream, onLine)
    const end = (status: string): void => {
      tooLong.removeEventListener('abort', onTimeout)
      options.signal?.removeEventListener('abort', onAbort)
      resolve({ status: why === '' ? status : why, output })
    }
    child.on('error', (error) => end(error.message))
    child.on('close', (code, signal) => end(code === 0 ? 'done' : `it ended with ${signal ?? `code ${code}`}`))
  })

const readLines = (stream: NodeJS.ReadableStream, onLine: (line: string) => void): void => {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = (lines.pop() ?? '').slice(0, lineCharactersMax)
    for (const line of lines) onLine(line.slice(0, lineCharactersMax).trimEnd())
  })
  stream.on('end', () => {
    if (rest !== '') onLine(rest)
  })
}
