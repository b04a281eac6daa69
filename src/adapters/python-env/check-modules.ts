import { fileURLToPath } from 'node:url'
import { runProgram } from '../../lib/index.ts'
import type { Interpreter } from './interpreter.ts'

/** A module of a model's folder, and the functions of which it must define one. */
export interface NeededFunction {
  readonly path: string
  readonly functions: readonly string[]
}

const timeoutMs = 10_000
const program = fileURLToPath(new URL('./python/check_modules.py', import.meta.url))

/**
 * Why modules can't be models, told from their text before anything is installed for them; none of it is run.
 * undefined also where only running them would tell, which their host does.
 */
export const moduleProblem = async (
  base: Interpreter,
  modules: readonly NeededFunction[],
  environment: Readonly<Record<string, string>>,
): Promise<string | undefined> => {
  if (modules.length === 0) return undefined
  const args = modules.flatMap(({ path, functions }) => [path, functions.join(',')])
  const { outcome, output } = await runProgram([base.path, '-I', '-B', program, ...args], { environment, timeoutMs })
  // Why: the checker says one line; an interpreter that fails has more to say, and its host says it better.
  return outcome === 'failed' && output.length === 1 ? output[0] : undefined
}
