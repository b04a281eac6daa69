import type { KeyValue } from '../../protocol/index.ts'
import { linesOf, readMetricLine } from './metric-lines.ts'
import type { MetricLine } from './metric-lines.ts'
import type { JsonFields, YamlFields } from './read-yaml.ts'
import { readYaml, readYamlJson, Unusable } from './read-yaml.ts'
import type { ImportReport } from './report.ts'
import type { SafeFolder } from './safe-folder.ts'

/** Largest YAML file: a data set's profile is in one. */
const yamlBytesMax = 20 * 1024 * 1024
/** Largest param or tag. */
const valueBytesMax = 1024 * 1024
/** Most lines of a file of metrics that are told of as unusable, one by one. */
const badLinesMax = 5

/** Files of an `mlruns` folder. What can't be read is told to the report. */
export class MlrunsFiles {
  readonly folder: SafeFolder
  readonly report: ImportReport

  constructor(folder: SafeFolder, report: ImportReport) {
    this.folder = folder
    this.report = report
  }

  readonly refuse = (path: string, reason: string): void => this.report.unreadable(path, reason)

  /** Does what reads something; undefined when that can't be read, which is told. */
  async trying<T>(path: string, read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read()
    } catch (error) {
      if (!(error instanceof Unusable)) throw error
      this.refuse(path, error.message)
      return undefined
    }
  }

  /** Throws Unusable. */
  async yaml(path: string): Promise<YamlFields> {
    return readYaml(await this.folder.text(path, yamlBytesMax))
  }

  /** Throws Unusable. */
  async yamlJson(path: string): Promise<JsonFields> {
    return readYamlJson(await this.folder.text(path, yamlBytesMax))
  }

  /** Names of the folders in a folder. */
  async *folders(path: string): AsyncGenerator<string> {
    for await (const { name, kind } of this.folder.entries(path, this.refuse)) if (kind === 'folder') yield name
  }

  /** A file for each key, which may have folders in it; in the order of the keys. */
  async pairs(path: string): Promise<KeyValue[]> {
    const pairs: KeyValue[] = []
    for await (const key of this.folder.files(path, this.refuse)) {
      const value = await this.trying(`${path}/${key}`, () => this.folder.text(`${path}/${key}`, valueBytesMax))
      if (value !== undefined) pairs.push({ key, value })
    }
    return pairs.sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  /** The lines of every file of metrics below a folder. */
  async *metrics(path: string): AsyncGenerator<MetricLine & { readonly key: string }> {
    for await (const key of this.folder.files(path, this.refuse)) yield* this.#metric(path, key)
  }

  async *#metric(folder: string, key: string): AsyncGenerator<MetricLine & { readonly key: string }> {
    const path = `${folder}/${key}`
    const handle = await this.trying(path, () => this.folder.open(path))
    if (handle === undefined) return
    let bad = 0
    try {
      for await (const line of linesOf(handle)) {
        const read = readMetricLine(line)
        if (typeof read !== 'string') yield { key, ...read }
        else if ((bad += 1) <= badLinesMax) this.refuse(path, read)
      }
      if (bad > badLinesMax) this.refuse(path, `${bad - badLinesMax} more lines can't be read`)
    } catch (error) {
      if (!(error instanceof Unusable)) throw error
      this.refuse(path, error.message)
    } finally {
      await handle.close()
    }
  }
}
