import { open, readdir, readFile, stat } from 'node:fs/promises'
import { basename, join, relative, sep } from 'node:path'
import { runProgram } from '../../lib/index.ts'
import { gatherFolder } from '../gather-files.ts'
import type { GatheredFile } from '../gather-files.ts'
import { PackagingError } from '../packaging-error.ts'
import { compiledModules } from './bytecode.ts'
import { fileEntries, textEntry, withFolders } from './file-entries.ts'
import type { ImageLibraries } from './image-libraries.ts'
import { linkedLibraries } from './linked-libraries.ts'
import type { LinkedLibrary } from './linked-libraries.ts'
import type { PythonInterpreter } from './python-interpreter.ts'
import type { TarEntry } from './tar.ts'

/** Where an interpreter is in an image, which finds its library by its own place. */
const imagePrefix = 'usr/local'
/** The environment of the model of an image. */
const imageEnvironment = 'opt/environment'

/** The interpreter of the model of an image, as `--python` names it. */
export const imagePython = `/${imageEnvironment}/bin/python`

export interface PythonParts {
  readonly interpreter: PythonInterpreter
  readonly libraries: ImageLibraries
  /** The whole environment of programs that are run. */
  readonly variables: Readonly<Record<string, string>>
  /** A folder for what goes when the image is made. */
  readonly work: string
  say(text: string): void
}

/** Tests, windows, what installs and builds; and what the machine, not Python, put there. */
const skippedModules = new Set(
  `site-packages dist-packages test idlelib tkinter turtledemo turtle.py ensurepip
  ctypes/test distutils/tests lib2to3/tests sqlite3/test unittest/test
  sitecustomize.py usercustomize.py EXTERNALLY-MANAGED`.split(/\s+/),
)
const skippedExtensions = /^lib-dynload\/(_tkinter|_test|_ctypes_test|_xxtest|xx|_xx.*example)[^/]*\.so$/

const isSkippedModule = (path: string): boolean =>
  skippedModules.has(path) || skippedExtensions.test(path) || /(^|\/)__pycache__$|^config-[^/]*$/.test(path)

/** An interpreter with its standard library, compiled, the shared libraries that they need, and the zones of time. */
export const pythonEntries = async (parts: PythonParts): Promise<TarEntry[]> => {
  const { interpreter, libraries, say } = parts
  say(`Gathering Python ${interpreter.version} of ${interpreter.prefix}`)
  const program = `${imagePrefix}/bin/${programName(interpreter)}`
  const library = `${imagePrefix}/${relative(interpreter.prefix, interpreter.library)}`
  const modules = await gatherFolder(interpreter.library, isSkippedModule).then((files) => below(library, files))
  const compiled = await compiledModules(modules, {
    interpreter,
    environment: parts.variables,
    work: join(parts.work, 'compiled-library'),
  })
  const binaries = [interpreter.program, ...(await sharedObjects(modules))]
  const linked = await linkedLibraries(binaries)
  const missing = linked.find(({ path, binary }) => path === undefined && binary === interpreter.program)
  if (missing !== undefined)
    throw new PackagingError([`${interpreter.program} needs ${missing.name}, which is not on this machine`])
  const own = await libraries.add(linked, { from: interpreter.prefix, to: imagePrefix })
  tellMissing(parts, linked, () => false)
  const files = [{ path: program, source: interpreter.program }, ...modules, ...compiled, ...(await zones())]
  return withFolders([
    ...own,
    ...(await fileEntries(files, '')),
    { kind: 'link', path: `${imagePrefix}/bin/python3`, target: basename(program) },
  ])
}

const programName = ({ library }: PythonInterpreter): string => basename(library)

const below = (folder: string, files: readonly GatheredFile[]): GatheredFile[] =>
  files.map(({ path, source }) => ({ path: `${folder}/${path}`, source }))

const zonesFolder = '/usr/share/zoneinfo'

/** Python brings no zones of time of its own. */
const zones = async (): Promise<GatheredFile[]> => {
  if ((await stat(zonesFolder).catch(() => undefined)) === undefined) return []
  const isSkipped = (path: string): boolean => /^(posix|right|localtime|posixrules)$/.test(path)
  return below(zonesFolder.slice(1), await gatherFolder(zonesFolder, isSkipped))
}

/** The environment at a folder, made of the interpreter of the image, with what its shared objects need. */
export const environmentEntries = async (folder: string, parts: PythonParts): Promise<TarEntry[]> => {
  const { interpreter, libraries, say } = parts
  const files = await environmentFiles(folder)
  say(`Compiling ${files.filter(({ path }) => path.endsWith('.py')).length} modules`)
  const compiled = await compiledModules(files, {
    interpreter,
    environment: parts.variables,
    work: join(parts.work, 'compiled-environment'),
  })
  const linked = await linkedLibraries(await sharedObjects(files))
  const bundled = new Set(files.map(({ path }) => basename(path)))
  const foreign = linked.filter(({ path }) => path?.startsWith(folder + sep) !== true)
  const own = await libraries.add(foreign, { from: interpreter.prefix, to: imagePrefix })
  tellMissing(parts, foreign, (name) => bundled.has(name))
  const python = `/${imagePrefix}/bin/${programName(interpreter)}`
  const settings = `home = /${imagePrefix}/bin\ninclude-system-site-packages = false\nversion = ${interpreter.version}\n`
  return withFolders([
    ...own,
    ...(await fileEntries(files, '')),
    ...(await fileEntries(compiled, '')),
    ...(await Promise.all(files.filter(({ path }) => isRecord(path)).map(recordEntry))),
    textEntry(`${imageEnvironment}/pyvenv.cfg`, settings),
    { kind: 'link', path: imagePython.slice(1), target: python },
    { kind: 'link', path: `${imageEnvironment}/bin/python3`, target: 'python' },
    { kind: 'link', path: `${imageEnvironment}/lib64`, target: 'lib' },
  ])
}

/** Of the folder of an environment itself, not of packages; scripts start by a path of this machine. */
const skippedFolders = new Set(['bin', 'include', 'lib64', 'slipway-used-by'])

const environmentFiles = async (folder: string): Promise<GatheredFile[]> => {
  const isSkipped = (path: string): boolean => /(^|\/)(__pycache__|direct_url\.json)$/.test(path)
  const files: GatheredFile[] = []
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isDirectory() && !skippedFolders.has(entry.name))
      files.push(...below(`${imageEnvironment}/${entry.name}`, await gatherFolder(join(folder, entry.name), isSkipped)))
  return files
}

const isRecord = (path: string): boolean => path.endsWith('.dist-info/RECORD')
const notThere = /^"?(\.\.\/)+(bin|include)\/|__pycache__\/|\.dist-info\/direct_url\.json/

/** The list of a package's files, without those that the image leaves out or that tell of this machine. */
const recordEntry = async ({ path, source }: GatheredFile): Promise<TarEntry> => {
  const lines = (await readFile(source, 'utf8')).split('\n')
  return textEntry(path, lines.filter((line) => !notThere.test(line)).join('\n'))
}

/** Libraries for the processor of this machine; packages may bring some for others. */
const sharedObjects = async (files: readonly GatheredFile[]): Promise<string[]> => {
  const wanted = await machineOf(process.execPath)
  const found: string[] = []
  for (const { path, source } of files)
    if (/\.so(\.[0-9.]+)?$/.test(path) && (await machineOf(source)) === wanted) found.push(source)
  return found
}

/** The class and the processor of a file in the format ELF; empty of any other. */
const machineOf = async (path: string): Promise<string> => {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(20), 0, 20, 0)
    if (bytesRead < 20 || buffer.toString('latin1', 0, 4) !== '\u007fELF') return ''
    return `${buffer[4]} ${buffer.readUInt16LE(18)}`
  } finally {
    await file.close()
  }
}

/** What is not there may be optional, as drivers are; who needs it fails on this machine too. */
const tellMissing = (
  { libraries, say }: PythonParts,
  linked: readonly LinkedLibrary[],
  isBundled: (name: string) => boolean,
): void => {
  const told = new Set<string>()
  for (const { name, path, binary } of linked) {
    if (path !== undefined || isBundled(name) || libraries.has(name) || told.has(name)) continue
    told.add(name)
    say(`${basename(binary)} needs ${name}, which is neither on this machine nor in the image`)
  }
}

/** Steps and modules in Python get their tensors as arrays of numpy. */
export const requireNumpy = async (python: string, { variables }: PythonParts): Promise<void> => {
  const command = [python, '-I', '-B', '-c', 'import numpy']
  const { outcome, output } = await runProgram(command, { environment: variables, timeoutMs: 300_000 })
  if (outcome !== 'done')
    throw new PackagingError([
      `the environment of the model has no numpy that can be used: ${output.slice(-3).join(' ')}`,
    ])
}
