import { runProgram } from '../../lib/index.ts'

export interface Interpreter {
  /** Absolute path. */
  readonly path: string
  /** `3.11.7`. */
  readonly version: string
}

const timeoutMs = 10_000
const question = 'import sys, platform; print(sys.executable); print(platform.python_version())'

/** Asks an interpreter who it is; a name without a slash is looked for on the path. */
export const findInterpreter = async (
  command: string,
  environment: Readonly<Record<string, string>>,
): Promise<Interpreter | { readonly problem: string }> => {
  const { status, output } = await runProgram([command, '-I', '-c', question], { environment, timeoutMs })
  const [path = '', version = ''] = output
  if (status === 'done' && path !== '' && /^3\.\d+/.test(version)) return { path, version }
  const reason = status === 'done' ? `it answered ${[path, version].join(' ').slice(0, 200)}` : status
  return { problem: `the Python interpreter ${command} can not be run: ${reason}; name another with --python` }
}
