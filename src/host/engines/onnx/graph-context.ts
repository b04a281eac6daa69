import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { runtimeLibraries, runtimePackage } from './runtime-folder.ts'

/** Counts the forms that saved graphs have had. */
const form = 1

/** Parameters of a model that reach the graph. Threads don't: they divide the work of its operators. */
const graphParameters = [
  'graph_optimization_level',
  'execution_provider',
  'execution_mode',
  'enable_mem_arena',
  'enable_mem_pattern',
]

/**
 * Everything beside the file that an optimised graph depends on, as text: the runtime, the processor, whose
 * instructions decide about layouts, and the model's parameters. This doesn't load the runtime.
 */
export const graphContext = (options: Readonly<Record<string, string>>): string => {
  machine ??= [...runtime(), process.platform, process.arch, ...processor()]
  return JSON.stringify([form, machine, graphParameters.map((name) => options[name] ?? null)])
}

let machine: readonly string[] | undefined

/** Version and libraries of the runtime: one built otherwise, or with a provider more, has other ones. */
const runtime = (): string[] => {
  const { version } = JSON.parse(readFileSync(join(runtimePackage(), 'package.json'), 'utf8')) as { version: string }
  const folder = runtimeLibraries()
  const libraries = readdirSync(folder).toSorted()
  return [version, ...libraries.map((name) => `${name} ${statSync(join(folder, name)).size}`)]
}

const processor = (): string[] => [...new Set(cpus().map(({ model }) => model)), instructionSets()]

/** Enough for the first processor of /proc/cpuinfo; the whole takes long where there are hundreds. */
const cpuinfoBytesMax = 16 * 1024

/** What the first processor can do (proc_cpuinfo(5)); empty where the system doesn't tell. */
const instructionSets = (): string => {
  try {
    const file = openSync('/proc/cpuinfo', 'r')
    try {
      const text = Buffer.alloc(cpuinfoBytesMax)
      const bytes = readSync(file, text, 0, cpuinfoBytesMax, 0)
      return /^(?:flags|Features)\s*:.*$/m.exec(text.toString('latin1', 0, bytes))?.[0] ?? ''
    } finally {
      closeSync(file)
    }
  } catch {
    return ''
  }
}
