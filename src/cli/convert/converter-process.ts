import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Refusal } from '../command.ts'
import type { ConvertJob, Converted } from './convert-job.ts'

/** Where the Python program is, beside this file in a checkout and in the package. */
const program = fileURLToPath(new URL('./python', import.meta.url))

export interface ConverterOptions {
  readonly python: string
  /** The process's own folder; everything it writes goes there. */
  readonly folder: string
  /** The user's environment, of which only what follows is passed on. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly timeoutMs: number
}

/** A model's code sees none of the user's secrets: no keys, no tokens, no home. */
const passedOn = ['PATH', 'LANG', 'LC_ALL', 'TZ', 'LD_LIBRARY_PATH']

/** The whole environment of the child. */
const childEnvironment = ({ folder, environment }: ConverterOptions): Record<string, string> => {
  const passed = passedOn.flatMap((name) => {
    const value = environment[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return {
    ...Object.fromEntries(passed),
    HOME: folder,
    TMPDIR: folder,
    PYTHONPATH: program,
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONNOUSERSITE: '1',
    PYTHONIOENCODING: 'utf-8',
    // Why: a conversion needs no accelerator, and looking for one takes seconds.
    CUDA_VISIBLE_DEVICES: '',
    TF_CPP_MIN_LOG_LEVEL: '3',
  }
}

/** The last of what a process wrote, for messages. */
const tailCharacters = 4000

/** What the process may write as its result. */
const resultBytesMax = 16 * 1024 * 1024

/** Runs a job in a process of its own. Throws Refusal with what the program says, or how it ended. */
export const runConverter = async (
  job: Omit<ConvertJob, 'output' | 'result'>,
  options: ConverterOptions,
): Promise<{ readonly converted: Converted; readonly model: string }> => {
  const at = (name: string): string => join(options.folder, name)
  const whole: ConvertJob = { ...job, output: at('model.onnx'), result: at('result.json') }
  writeFileSync(at('job.json'), JSON.stringify(whole))
  const child = spawn(options.python, ['-m', 'slipway_convert', at('job.json')], {
    cwd: options.folder,
    env: childEnvironment(options),
    stdio: ['ignore', 'pipe', 'pipe'],
    // Why: a group of its own, so that what the model's code started ends with it.
    detached: true,
  })
  const ended = await endOf(child, options)
  return { converted: resultOf(whole.result, ended), model: whole.output }
}

interface Ended {
  readonly how: string
  readonly tail: string
}

const endOf = (child: ChildProcess, { python, timeoutMs }: ConverterOptions): Promise<Ended> =>
  new Promise((resolve, reject) => {
    let tail = ''
    let why: string | undefined
    const kill = (reason: string): void => {
      why ??= reason
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      } catch {
        // It has ended meanwhile.
      }
    }
    const late = AbortSignal.timeout(timeoutMs)
    const onLate = (): void => kill(`it took longer than ${timeoutMs / 1000} s; --timeout gives it more`)
    const onSignal = (): void => kill('it was called off')
    late.addEventListener('abort', onLate)
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal)
    const settle = (): void => {
      late.removeEventListener('abort', onLate)
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal)
      kill('')
    }
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (tail = (tail + chunk.toString()).slice(-tailCharacters)))
    child.on('error', (error) => {
      settle()
      reject(
        new Refusal(
          `the Python interpreter '${python}' can't be run: ${error.message}; name another with --python`,
          'no_python',
        ),
      )
    })
    child.on('exit', (code, signal) => {
      const how = why ?? (signal === null ? `it exited with code ${code ?? 'unknown'}` : `it ended by ${signal}`)
      settle()
      resolve({ how, tail })
    })
  })

type Answer = Converted | { readonly error: { readonly code: string; readonly message: string } }

const resultOf = (path: string, { how, tail }: Ended): Converted => {
  const size = statSync(path, { throwIfNoEntry: false })?.size
  if (size === undefined || size > resultBytesMax) {
    const said = tail.trim().split('\n').at(-1)?.slice(0, 300) ?? ''
    throw new Refusal(
      `the conversion ended without a result: ${how}${said === '' ? '' : `; it said last: ${said}`}`,
      'conversion_failed',
    )
  }
  const answer = JSON.parse(readFileSync(path, 'utf8')) as Answer
  if ('error' in answer) throw new Refusal(answer.error.message, answer.error.code)
  return answer
}
