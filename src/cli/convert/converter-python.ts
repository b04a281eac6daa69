import { Refusal } from '../command.ts'
import { converterRequirements } from './flavors.ts'
import type { ModelSource } from './model-source.ts'

export interface PythonOptions {
  /** The interpreter that the user named. */
  readonly given: string | undefined
  readonly dataDir: string | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
  say(text: string): void
}

/** The interpreter to convert a model with. */
export const converterPython = async (source: ModelSource, options: PythonOptions): Promise<string> => {
  if (options.given !== undefined) return options.given
  const lines = converterRequirements(source.flavor, source.requirements)
  return Promise.reject(new Refusal(`name an interpreter with --python; it needs ${lines.join(', ')}`, 'no_python'))
}
