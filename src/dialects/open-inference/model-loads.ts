import { fail } from '../../protocol/index.ts'
import { ConfigError, isModelName, parseModelConfigJson, validateModelConfig } from '../../serving/index.ts'
import type { ModelConfig, ModelManager } from '../../serving/index.ts'

export interface LoadParameters {
  /** Model configuration as JSON text. */
  readonly config: string | undefined
  /** Files by `VERSION/NAME`, which take the place of the repository's folder. */
  readonly files: ReadonlyMap<string, Uint8Array>
}

/** Keeps the files that came with a load request; the part of the server that owns the data directory provides it. */
export interface UploadStore {
  /** Replaces everything uploaded for a model, atomically. Throws storage_full. */
  put(model: string, files: ReadonlyMap<string, Uint8Array>): Promise<void>
}

/** `VERSION/NAME`, a number and plain names below it: nothing that leads elsewhere. */
const uploadPath = /^[1-9]\d{0,14}(\/[A-Za-z0-9_][A-Za-z0-9._-]{0,200}){1,4}$/

/** The load operation of every transport: checks what came with the request, then loads. */
export class ModelLoads {
  readonly #models: ModelManager
  readonly #uploads: UploadStore

  constructor(models: ModelManager, uploads: UploadStore) {
    this.#models = models
    this.#uploads = uploads
  }

  /** Throws config_invalid or load_failed; the versions that serve go on serving then. */
  async load(model: string, parameters: LoadParameters): Promise<void> {
    if (!isModelName(model))
      throw fail('load_failed', { model: model.slice(0, 100), reason: 'this is not a valid model name' })
    const config = parameters.config === undefined ? undefined : readConfig(model, parameters.config)
    if (parameters.files.size > 0) {
      if (config === undefined)
        throw fail('load_failed', { model, reason: "files need the parameter 'config' as well" })
      for (const path of parameters.files.keys()) {
        if (!uploadPath.test(path))
          throw fail('load_failed', {
            model,
            reason: `'${path.slice(0, 100)}' is not a file path of the form VERSION/NAME`,
          })
      }
      await this.#uploads.put(model, parameters.files)
    }
    await this.#models.load(model, config)
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
