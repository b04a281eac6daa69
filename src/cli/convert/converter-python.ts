import { cp, mkdir, writeFile } from 'node:fs/promises'
import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { makeEnvironment } from '../../app/make-environment.ts'
import { AppError } from '../../protocol/index.ts'
import { Refusal } from '../command.ts'
import { partsSaid } from '../parts-said.ts'
import { cacheFolder } from './cache-folder.ts'
import { converterRequirements } from './flavors.ts'
import type { ModelSource } from './model-source.ts'

export interface PythonOptions {
  /** The interpreter that the user named. */
  readonly given: string | undefined
  readonly dataDir: string | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
  /** A new folder to plan in. */
  readonly work: string
  say(text: string): void
}

/** The interpreter to convert a model with: the one that was named, or one in an environment made for the model. */
export const converterPython = async (source: ModelSource, options: PythonOptions): Promise<string> => {
  if (options.given !== undefined) return options.given
  await planIn(options.work, source)
  try {
    return await makeEnvironment({
      model: source.name,
      folder: options.work,
      root: join(cacheFolder(options) ?? resolve('.cache', 'slipway'), 'python-environments'),
      environment: options.environment,
      progress: partsSaid(options.say),
    })
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    const hint = 'with --python you name an interpreter that has the packages'
    throw new Refusal(`${error.message}; ${hint}`, 'no_python')
  }
}

/** Folders of a model that its requirements may name files of. */
const ownFolders = ['code', 'wheels']

const planIn = async (work: string, source: ModelSource): Promise<void> => {
  await mkdir(work)
  const lines = converterRequirements(source.flavor, source.requirements)
  await writeFile(join(work, 'requirements.txt'), `${lines.join('\n')}\n`)
  for (const folder of ownFolders) {
    const path = join(source.path, folder)
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
      await cp(path, join(work, folder), { recursive: true })
  }
}
