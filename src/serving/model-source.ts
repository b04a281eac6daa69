import type { ModelConfig } from './model-config/model-config.ts'
import type { EngineName } from '../host/index.ts'

/** One version of a model on disk. */
export interface FoundVersion {
  readonly version: number
  /** Absolute path of the version's folder. */
  readonly directory: string
  /** Changes when the files do: names, sizes and modification times. */
  readonly fingerprint: string
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
  readonly versions: readonly FoundVersion[]
}

/** What a load order needs beyond the folder: the engine and its file. */
export interface ModelFile {
  readonly engine: EngineName
  readonly path: string
}
