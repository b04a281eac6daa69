import { reasonOf } from '../lib/index.ts'
import { createHash } from 'node:crypto'
import type { Dirent } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { ModelConfig } from './model-config/model-config.ts'
import { ConfigError } from './model-config/config-error.ts'
import { parseModelConfigText } from './model-config/parse-model-config.ts'
import { validateModelConfig } from './model-config/validate-model-config.ts'
import { isModelName } from './model-name.ts'
import type { FoundModel, FoundVersion } from './model-source.ts'

/** A folder with more entries than this is not a model repository; the bound keeps a scan of it harmless. */
const entriesMax = 10_000
const configBytesMax = 1024 * 1024

/** Model folders in Triton's layout, `ROOT/NAME/[config.pbtxt]` and `ROOT/NAME/VERSION/model.onnx`; the first root wins. */
export class ModelRepository {
  readonly #roots: readonly string[]

  constructor(roots: readonly string[]) {
    this.#roots = roots.map((root) => resolve(root))
  }

  get roots(): readonly string[] {
    return this.#roots
  }

  /** Every model of every root; one that can't be read is listed with its problem. */
  async list(): Promise<FoundModel[]> {
    const names = new Set<string>()
    for (const root of this.#roots) {
      for (const entry of await entriesOf(root)) {
        if (entry.isDirectory() && isModelName(entry.name)) names.add(entry.name)
      }
    }
    const found = await Promise.all([...names].sort().map((name) => this.find(name)))
    return found.filter((model) => model !== undefined)
  }

  /** One model as it is on disk now; undefined when no root has its folder. */
  async find(name: string): Promise<FoundModel | undefined> {
    if (!isModelName(name)) return undefined
    for (const root of this.#roots) {
      const directory = join(root, name)
      const found = await stat(directory).catch(() => undefined)
      if (found?.isDirectory() === true) return readModel(name, directory)
    }
    return undefined
  }
}

const entriesOf = async (directory: string): Promise<Dirent[]> => {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => [])
  return entries.slice(0, entriesMax)
}

const readModel = async (name: string, directory: string): Promise<FoundModel> => {
  const versions = await readVersions(directory)
  try {
    const { config, warnings } = await readModelConfig(name, directory)
    return { name, directory, config, warnings, problem: undefined, versions }
  } catch (error) {
    const problem = reasonOf(error)
    return { name, directory, config: undefined, warnings: [], problem, versions }
  }
}

/** The configuration in a folder, for a model of this name. Throws ConfigError. */
export const readModelConfig = async (
  name: string,
  directory: string,
): Promise<{ config: ModelConfig | undefined; warnings: readonly string[] }> => {
  const path = join(directory, 'config.pbtxt')
  const facts = await stat(path).catch(() => undefined)
  if (facts === undefined) return { config: undefined, warnings: [] }
  // Why: a pipe in its place would keep the reader waiting for ever.
  if (!facts.isFile()) throw new ConfigError(['config.pbtxt is not a file'])
  const { size } = facts
  if (size > configBytesMax) throw new ConfigError([`config.pbtxt has ${size} bytes; the limit is ${configBytesMax}`])
  const { config, warnings } = parseModelConfigText(await readFile(path, 'utf8'), 'config.pbtxt')
  validateModelConfig(config, name)
  return { config, warnings }
}

const readVersions = async (directory: string): Promise<FoundVersion[]> => {
  const versions: FoundVersion[] = []
  for (const entry of await entriesOf(directory)) {
    // Triton's rule: folders whose names aren't positive numbers, or start with zero, are not versions.
    if (!entry.isDirectory() || !/^[1-9]\d{0,14}$/.test(entry.name)) continue
    const path = join(directory, entry.name)
    versions.push({ version: Number(entry.name), directory: path, fingerprint: await fingerprint(path) })
  }
  return versions.sort((a, b) => a.version - b.version)
}

const fingerprint = async (directory: string): Promise<string> => {
  const hash = createHash('sha256')
  const pending = [directory]
  for (let seen = 0; pending.length > 0 && seen < entriesMax;) {
    const current = pending.pop() ?? directory
    for (const entry of (await entriesOf(current)).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      seen += 1
      const path = join(current, entry.name)
      if (entry.isDirectory()) pending.push(path)
      const facts = await stat(path).catch(() => undefined)
      hash.update(`${path}\0${facts?.size ?? 0}\0${facts?.mtimeMs ?? 0}\n`)
    }
  }
  return hash.digest('hex')
}
