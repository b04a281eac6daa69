import { readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gatherFolder } from '../gather-files.ts'
import type { GatheredFile } from '../gather-files.ts'

/** The files of the server's package that run: not its tests, nor what only compilers and people read. */
export const serverFiles = async (root: string): Promise<GatheredFile[]> => {
  const code = (await isThere(join(root, 'src', 'cli', 'main.ts'))) ? 'src' : 'dist'
  const files: GatheredFile[] = []
  for (const folder of [code, 'proto'])
    for (const file of await gatherFolder(join(root, folder))) files.push({ ...file, path: `${folder}/${file.path}` })
  files.push({ path: 'package.json', source: join(root, 'package.json') })
  for (const found of await productionDependencies(root)) {
    const { directory } = found
    for (const file of await gatherFolder(directory))
      if (!file.path.startsWith('node_modules/')) files.push({ ...file, path: `${found.path}/${file.path}` })
  }
  return files.filter(({ path }) => runs(path))
}

const runs = (path: string): boolean => {
  if (/\.test\.(ts|js)$|^(src|dist)\/testing\/|\.(map|d\.ts|d\.mts|d\.cts|md)$/.test(path)) return false
  // ONNX Runtime brings its library for every platform.
  const [, platform, arch] = /^node_modules\/onnxruntime-node\/bin\/[^/]+\/([^/]+)\/([^/]+)\//.exec(path) ?? []
  return platform === undefined || (platform === process.platform && arch === process.arch)
}

const isThere = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined)) !== undefined

interface InstalledPackage {
  /** Path from the server's root, with / between its parts. */
  readonly path: string
  readonly directory: string
}

interface PackageJson {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** Every package that the server needs to run, found as Node finds them. */
const productionDependencies = async (root: string): Promise<readonly InstalledPackage[]> => {
  const found = new Map<string, InstalledPackage>()
  const pending: InstalledPackage[] = [{ path: '', directory: root }]
  for (let from = pending.pop(); from !== undefined; from = pending.pop()) {
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
      await readFile(join(from.directory, 'package.json'), 'utf8'),
    ) as PackageJson
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const dependency = await installed(root, from.path, name)
      if (dependency === undefined || found.has(dependency.path)) continue
      found.set(dependency.path, dependency)
      pending.push(dependency)
    }
  }
  return [...found.values()]
}

/** The package of a name, looked for in the folders above the one that asks; undefined when it is not installed. */
const installed = async (root: string, from: string, name: string): Promise<InstalledPackage | undefined> => {
  for (let at = from; ; at = dirname(at)) {
    const above = at === '.' ? '' : at
    const path = above === '' ? `node_modules/${name}` : `${above}/node_modules/${name}`
    if (await isThere(join(root, path, 'package.json'))) return { path, directory: join(root, path) }
    if (above === '') return undefined
  }
}
