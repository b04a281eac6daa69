import { fail } from '../../protocol/index.ts'
import { ConfigError, isModelName, parseModelConfigJson, validateModelConfig } from '../../serving/index.ts'
import type { ModelConfig, Serving } from '../../serving/index.ts'

export interface LoadParameters {
  /** Model configuration as JSON text. */
  readonly config: string | undefined
  /** Files by `VERSION/NAME`, which take the place of the repository's folder. */
  readonly files: ReadonlyMap<string, Uint8Array>
}

/** Keeps the files that came with a load request; the part of the server that owns the data directory provides it. */
export interface UploadStore {
  /** Writes the files aside. Throws storage_full. */
  stage(model: string, files: ReadonlyMap<string, Uint8Array>): Promise<Upload>
}

/** Files of one load request, aside until they are known to load. */
export interface Upload {
  /** A model repository that holds only this model. */
  readonly root: string
  /** The repository of everything uploaded. */
  readonly home: string
  /** Puts the files in place of everything uploaded for the model before, whole or not at all. */
  keep(): Promise<void>
  /** Removes what was not kept. */
  drop(): Promise<void>
}

/** `VERSION/NAME`, a number and plain names below it: nothing that leads elsewhere. */
const uploadPath = /^[1-9]\d{0,14}(\/[A-Za-z0-9_][A-Za-z0-9._-]{0,200}){1,4}$/

/** The load operation of every transport: checks what came with the request, then loads. */
export class ModelLoads {
  readonly #serving: Pick<Serving, 'models' | 'changes'>
  readonly #uploads: UploadStore

  constructor(serving: Pick<Serving, 'models' | 'changes'>, uploads: UploadStore) {
    this.#serving = serving
    this.#uploads = uploads
  }

  /** Throws config_invalid or load_failed; the versions that serve go on serving then. */
  async load(model: string, parameters: LoadParameters): Promise<void> {
    if (!isModelName(model))
      throw fail('load_failed', { model: model.slice(0, 100), reason: 'this is not a valid model name' })
    const config = parameters.config === undefined ? undefined : readConfig(model, parameters.config)
    const { models, changes } = this.#serving
    if (parameters.files.size === 0) await changes.run(model, () => models.load(model, config))
    else if (config !== undefined) await this.#loadFiles(model, config, parameters.files)
    else throw fail('load_failed', { model, reason: "files need the parameter 'config' as well" })
  }

  async #loadFiles(model: string, config: ModelConfig, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
    for (const path of files.keys()) {
      if (uploadPath.test(path)) continue
      const reason = `'${path.slice(0, 100)}' is not a file path of the form VERSION/NAME`
      throw fail('load_failed', { model, reason })
    }
    const upload = await this.#uploads.stage(model, files)
    const { models, changes } = this.#serving
    try {
      await changes.run(model, () => models.load(model, config, upload))
    } finally {
      await upload.drop()
    }
  }
}

const readConfig = (model: string, text: string): ModelConfig => {
  try {
    const { config } = parseModelConfigJson(text)
    validateModelConfig(config, model)
    return config
  } catch (error) {
    if (error instanceof ConfigError) throw fail('config_invalid', { model, reason: error.message }, error)
    throw error
  }
}
