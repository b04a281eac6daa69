import type { ModelConfig } from './model-config/model-config.ts'
import type { EngineName } from '../host/index.ts'

/** One version of a model on disk. */
export interface FoundVersion {
  readonly version: number
  /** Absolute path of the version's folder. */
  readonly directory: string
  /** Changes when the files do: names, sizes and modification times. */
  readonly fingerprint: string
  /** Its own configuration, where it doesn't have that of the model. */
  readonly config?: ModelConfig | undefined
}

/** A model as a source found it, before anything is loaded. */
export interface FoundModel {
  readonly name: string
  readonly directory: string
  /** From config.pbtxt; undefined when there is none. */
  readonly config: ModelConfig | undefined
  readonly warnings: readonly string[]
  /** Why the model can't be loaded at all, e.g. a broken config.pbtxt. */
  readonly problem: string | undefined
  /** The problem is no failure: what serves is still being brought, and comes by itself. */
  readonly isComing?: boolean
  readonly versions: readonly FoundVersion[]
  /** Which versions are to be in memory, and which of them answers when none is named; where the version policy doesn't say. */
  readonly serve?: { readonly versions: readonly number[]; readonly preferred: number }
}

/** Where models come from. */
export interface ModelSource {
  list(): Promise<FoundModel[]>
  find(name: string): Promise<FoundModel | undefined>
}

/** Several sources as one; the first that has a name wins. */
export const joinSources = (sources: readonly ModelSource[]): ModelSource => ({
  async list() {
    const found = new Map<string, FoundModel>()
    for (const source of sources)
      for (const model of await source.list()) if (!found.has(model.name)) found.set(model.name, model)
    return [...found.values()]
  },
  async find(name) {
    for (const source of sources) {
      const model = await source.find(name)
      if (model !== undefined) return model
    }
    return undefined
  },
})

/** What a load order needs beyond the folder: the engine and its file. */
export interface ModelFile {
  readonly engine: EngineName
  readonly path: string
}
