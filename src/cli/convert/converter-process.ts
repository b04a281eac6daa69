import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runProgram } from '../../lib/index.ts'
import type { RunResult } from '../../lib/index.ts'
import { Refusal } from '../command.ts'
import type { ConvertJob, Converted } from './convert-job.ts'

/** Where the Python program is, beside this file in a checkout and in the package. */
export const converterProgram = fileURLToPath(new URL('./python', import.meta.url))

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
    PYTHONPATH: converterProgram,
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONNOUSERSITE: '1',
    PYTHONIOENCODING: 'utf-8',
    // Why: a conversion needs no accelerator, and looking for one takes seconds.
    CUDA_VISIBLE_DEVICES: '',
    TF_CPP_MIN_LOG_LEVEL: '3',
  }
}

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
  const ended = await runProgram([options.python, '-m', 'slipway_convert', at('job.json')], {
    directory: options.folder,
    environment: childEnvironment(options),
    timeoutMs: options.timeoutMs,
  })
  if (ended.outcome === 'not_started') {
    const reason = `the Python interpreter '${options.python}' can't be run: ${ended.status}`
    throw new Refusal(`${reason}; name another with --python`, 'no_python')
  }
  return { converted: resultOf(whole.result, ended), model: whole.output }
}

const howItEnded = ({ outcome, status }: RunResult): string => {
  if (outcome === 'done') return 'it exited with code 0'
  return outcome === 'late' ? `${status}; --timeout gives it more` : status
}

type Answer = Converted | { readonly error: { readonly code: string; readonly message: string } }

const resultOf = (path: string, ended: RunResult): Converted => {
  const size = statSync(path, { throwIfNoEntry: false })?.size
  if (size === undefined || size > resultBytesMax) {
    const said = ended.output.findLast((line) => line !== '')?.slice(0, 300) ?? ''
    const how = howItEnded(ended)
    throw new Refusal(
      `the conversion ended without a result: ${how}${said === '' ? '' : `; it said last: ${said}`}`,
      'conversion_failed',
    )
  }
  const answer = JSON.parse(readFileSync(path, 'utf8')) as Answer
  if ('error' in answer) throw new Refusal(answer.error.message, answer.error.code)
  return answer
}
