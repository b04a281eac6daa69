import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { runProgram, Semaphore } from '../../lib/index.ts'
import type { GatheredFile } from '../gather-files.ts'
import { PackagingError } from '../packaging-error.ts'
import type { PythonInterpreter } from './python-interpreter.ts'

export interface CompileOrder {
  readonly interpreter: PythonInterpreter
  /** The whole environment of the interpreter. */
  readonly environment: Readonly<Record<string, string>>
  /** A new folder for what is compiled. */
  readonly work: string
}

/**
 * Modules that don't compile stay as they are; some are for other versions, some no code at all. Unchecked, since
 * nobody changes a file of an image, and since a check would compare times, which all files of an image have lost.
 */
const program = `
import json, py_compile, sys

mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
with open(sys.argv[1], encoding="utf-8") as file:
    modules = json.load(file)
for source, shown, target in modules:
    try:
        py_compile.compile(source, target, shown, doraise=True, invalidation_mode=mode)
    except Exception:
        pass
`
/** What one process compiles depends on the files alone, since what it compiled before can show in a result. */
const modulesOfProcess = 1000
const timeoutMs = 1_800_000

/** The compiled form of modules of an image, as files beside them: the same modules give the same bytes. */
export const compiledModules = async (
  files: readonly GatheredFile[],
  { interpreter, environment, work }: CompileOrder,
): Promise<GatheredFile[]> => {
  const modules = files
    .filter(({ path }) => path.endsWith('.py'))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
    .map(({ path, source }, index) => ({ path, source, target: join(work, `${index}.pyc`) }))
  await mkdir(work)
  const script = join(work, 'compile.py')
  await writeFile(script, program)
  const turns = new Semaphore(availableParallelism())
  const compile = async (start: number): Promise<void> => {
    const list = join(work, `${start}.json`)
    const some = modules.slice(start, start + modulesOfProcess)
    await writeFile(list, JSON.stringify(some.map(({ path, source, target }) => [source, `/${path}`, target])))
    const command = [interpreter.program, '-s', '-S', '-W', 'ignore', script, list]
    // Why: the order of sets shows in what is compiled.
    const variables = { ...environment, PYTHONHASHSEED: '0' }
    const { outcome, status, output } = await runProgram(command, { environment: variables, timeoutMs })
    if (outcome !== 'done')
      throw new PackagingError([`modules of Python can't be compiled: ${[status, ...output.slice(-3)].join(' ')}`])
  }
  const starts = Array.from({ length: Math.ceil(modules.length / modulesOfProcess) }, (_, at) => at * modulesOfProcess)
  // Why: all have ended before somebody removes the folder that they write to.
  const ends = await Promise.allSettled(starts.map((start) => turns.run(() => compile(start))))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
  const made = new Set(await readdir(work))
  return modules.flatMap(({ path, target }) =>
    made.has(basename(target)) ? [{ path: compiledPath(path, interpreter.cacheTag), source: target }] : [],
  )
}

const compiledPath = (path: string, tag: string): string =>
  `${dirname(path)}/__pycache__/${basename(path, '.py')}.${tag}.pyc`
