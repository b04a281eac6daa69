import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { systemClock } from './clock.ts'

export interface RunOptions {
  /** The whole environment of the program. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly timeoutMs: number
  readonly directory?: string | undefined
  readonly signal?: AbortSignal | undefined
  onLine?(line: string): void
}

export interface RunResult {
  readonly outcome: 'done' | 'failed' | 'late' | 'called_off' | 'not_started'
  /** `done`, or how it ended otherwise. */
  readonly status: string
  /** Its last lines of both streams, in the order in which they came. */
  readonly output: readonly string[]
}

type Ending = Omit<RunResult, 'output'>

const linesMax = 200
const lineCharactersMax = 2000
/** What a program wrote before it ended is read by then; who holds its streams open any longer is not waited for. */
const graceMs = 500
/** A killed program that is not gone by then waits for a device. */
const killGraceMs = 5000

/** Leaders of the groups of programs that run now. */
const running = new Set<number>()

/** Kills every program that runs, with all that it started, before a signal ends the process. */
export const endPrograms = (): void => {
  for (const leader of running) endGroup(leader)
}

const endGroup = (leader: number): void => {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}

/** Runs a program to its end, or to the end of its time; with it end the programs that it started. Never throws. */
export const runProgram = (command: readonly string[], options: RunOptions): Promise<RunResult> =>
  new Promise((resolve) => {
    const output: string[] = []
    let killed: Ending | undefined
    const child = spawn(command[0] ?? '', command.slice(1), {
      cwd: options.directory,
      env: options.environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      // Why: a group of its own, so that compilers and the like end with it.
      detached: true,
    })
    if (child.pid !== undefined) running.add(child.pid)
    const killGroup = (): void => {
      if (child.pid !== undefined) endGroup(child.pid)
    }
    const kill = (ending: Ending): void => {
      killed ??= ending
      killGroup()
      systemClock.setTimer(() => end(ending), killGraceMs)
    }
    const late = AbortSignal.timeout(options.timeoutMs)
    const onLate = (): void => kill({ outcome: 'late', status: `it took longer than ${options.timeoutMs / 1000} s` })
    const onAbort = (): void => kill({ outcome: 'called_off', status: 'it was called off' })
    const unlisten = (): void => {
      late.removeEventListener('abort', onLate)
      options.signal?.removeEventListener('abort', onAbort)
    }
    const end = (ending: Ending): void => {
      unlisten()
      // Why: a program that left the group may hold the other ends open for ever.
      child.stdout.destroy()
      child.stderr.destroy()
      resolve({ ...(killed ?? ending), output })
    }
    late.addEventListener('abort', onLate)
    options.signal?.addEventListener('abort', onAbort)
    const onLine = (line: string): void => {
      output.push(line)
      if (output.length > linesMax) output.shift()
      options.onLine?.(line)
    }
    for (const stream of [child.stdout, child.stderr]) readLines(stream, onLine)
    child.on('error', (error) => end({ outcome: 'not_started', status: error.message }))
    child.on('exit', (code, signal) => {
      unlisten()
      killGroup()
      if (child.pid !== undefined) running.delete(child.pid)
      const ending = endingOf(code, signal)
      child.on('close', () => end(ending))
      systemClock.setTimer(() => end(ending), graceMs)
    })
    if (options.signal?.aborted === true) onAbort()
  })

const endingOf = (code: number | null, signal: string | null): Ending => {
  if (code === 0) return { outcome: 'done', status: 'done' }
  return { outcome: 'failed', status: code === null ? `it ended by ${signal ?? '?'}` : `it exited with code ${code}` }
}

const readLines = (stream: Readable, onLine: (line: string) => void): void => {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = (lines.pop() ?? '').slice(0, lineCharactersMax)
    for (const line of lines) onLine(line.slice(0, lineCharactersMax).trimEnd())
  })
  // Why: on `close`, since a stream that is torn down has no end.
  stream.on('close', () => {
    if (rest !== '') onLine(rest)
  })
}
