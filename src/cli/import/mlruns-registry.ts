import type { ImportedAlias, ImportedRegisteredModel, ImportedVersion } from '../../protocol/index.ts'
import type { SourceRecord } from './import-source.ts'
import type { MlrunsFiles } from './mlruns-files.ts'
import type { YamlFields } from './read-yaml.ts'
import { integerField, pairsField, requireText, textField, Unusable, wholeNumber } from './read-yaml.ts'
import { deletedStage, versionRecord } from './version-record.ts'

const numberOf = (folder: string): number | undefined => {
  const digits = /^version-(\d{1,9})$/.exec(folder)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** The registered models of an `mlruns` folder: `models/NAME/version-N`. */
export class MlrunsRegistry {
  readonly #files: MlrunsFiles

  constructor(files: MlrunsFiles) {
    this.#files = files
  }

  async *models(): AsyncGenerator<SourceRecord<ImportedRegisteredModel>> {
    for await (const path of this.#folders()) {
      const record = await this.#files.trying(`${path}/meta.yaml`, () => this.#model(path))
      if (record !== undefined) yield { record }
    }
  }

  /** Those that are copies of other versions come last, when these are there. */
  async *versions(): AsyncGenerator<SourceRecord<ImportedVersion>> {
    for (const copies of [false, true])
      for await (const path of this.#folders())
        for await (const name of this.#files.folders(path)) {
          const number = numberOf(name)
          if (number === undefined) continue
          const read = (): Promise<ImportedVersion | undefined> => this.#version(`${path}/${name}`, number, copies)
          // What can't be read is told in the first pass alone.
          const record = copies ? await read().catch(passUnusable) : await this.#files.trying(`${path}/${name}`, read)
          if (record !== undefined) yield { record }
        }
  }

  async *aliases(): AsyncGenerator<SourceRecord<ImportedAlias>> {
    for await (const path of this.#folders()) {
      const meta = await this.#files.yaml(`${path}/meta.yaml`).catch(passUnusable)
      if (meta === undefined) continue
      const name = textField(meta, 'name') ?? ''
      // Older stores have them in the file alone, newer ones also in a folder.
      const aliases = new Map(
        [...pairsField(meta, 'aliases'), ...(await this.#files.pairs(`${path}/aliases`))].map(({ key, value }) => [
          key,
          value,
        ]),
      )
      for (const [alias, version] of aliases) {
        const number = await this.#files.trying(`${path}/aliases/${alias}`, async () =>
          wholeNumber(version.trim(), alias),
        )
        if (number !== undefined) yield { record: { name, alias, version: number } }
      }
    }
  }

  async *#folders(): AsyncGenerator<string> {
    for await (const name of this.#files.folders('models')) yield `models/${name}`
  }

  async #model(path: string): Promise<ImportedRegisteredModel> {
    const meta = await this.#files.yaml(`${path}/meta.yaml`)
    let versionLast = 0
    for await (const name of this.#files.folders(path)) versionLast = Math.max(versionLast, numberOf(name) ?? 0)
    const creationTime = integerField(meta, 'creation_timestamp') ?? 0
    return {
      name: requireNamed(path, meta),
      description: textField(meta, 'description') ?? '',
      creationTime,
      lastUpdatedTime: integerField(meta, 'last_updated_timestamp') ?? creationTime,
      versionLast,
      tags: await this.#files.pairs(`${path}/tags`),
    }
  }

  /** Undefined for one that was deleted, or that the other pass takes. */
  async #version(path: string, number: number, copies: boolean): Promise<ImportedVersion | undefined> {
    const meta = await this.#files.yaml(`${path}/meta.yaml`)
    const source = requireText(meta, 'source')
    if (textField(meta, 'current_stage') === deletedStage || isCopy(source) !== copies) return undefined
    if (integerField(meta, 'version') !== number) throw new Unusable('its meta.yaml is that of another version')
    return versionRecord({
      name: requireText(meta, 'name'),
      version: number,
      creationTime: integerField(meta, 'creation_timestamp') ?? 0,
      lastUpdatedTime: integerField(meta, 'last_updated_timestamp'),
      description: textField(meta, 'description'),
      userId: textField(meta, 'user_id'),
      stage: textField(meta, 'current_stage'),
      source,
      storageLocation: textField(meta, 'storage_location'),
      runId: textField(meta, 'run_id'),
      runLink: textField(meta, 'run_link'),
      modelId: textField(meta, 'model_id'),
      status: textField(meta, 'status'),
      statusMessage: textField(meta, 'status_message'),
      tags: await this.#files.pairs(`${path}/tags`),
    })
  }
}

/** Whether a source is another version. */
const isCopy = (source: string): boolean => /^models:\/+[^/@]+\/\d+$/.test(source)

const requireNamed = (path: string, meta: YamlFields): string => {
  const name = requireText(meta, 'name')
  if (path === `models/${name}`) return name
  throw new Unusable(`it is that of '${name}'`)
}

const passUnusable = (error: unknown): undefined => {
  if (error instanceof Unusable) return undefined
  throw error
}
