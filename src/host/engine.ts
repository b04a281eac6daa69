import type { Signature, Tensor } from '../tensor/index.ts'

/** What the server tells a host to load. Paths are the server's own choice, never a client's. */
export interface LoadOrder {
  /** Model name and version, for messages and for the module's own use. */
  readonly model: string
  readonly version: string
  readonly engine: EngineName
  /** Absolute path of the model file. */
  readonly path: string
  /** Engine options, as in the configuration of the model. */
  readonly options: Readonly<Record<string, string>>
  /** Of the onnx engine: where it finds the optimised graph of the file, or puts it for later loads. */
  readonly graph?: GraphPlace
}

export type GraphPlace = { readonly read: string } | { readonly write: string }

/** What became of the optimised graph that a load was to find or to put somewhere. */
export type GraphReport =
  | { readonly kind: 'read' }
  | { readonly kind: 'refused'; readonly reason: string }
  /** Processor time that creating the session takes from the file and from the optimised graph. */
  | { readonly kind: 'written'; readonly sourceMs: number; readonly graphMs: number }

export type EngineName = 'onnx' | 'js' | 'python' | 'echo'

/** What a host reports once a model is loaded. */
export interface LoadReport {
  readonly signature: Signature
  /** Whether the engine takes several rows at once; undefined: as the signature's first dimensions say. */
  readonly batched?: boolean
  /** Free-form facts about the file: producer, opset, feature names. */
  readonly metadata: Readonly<Record<string, string>>
  /** Resident memory of the host after the load, bytes. */
  readonly memoryBytes: number
  /** Name of the execution provider or runtime that runs the model. */
  readonly runtime: string
  /** Present when the order had a graph. */
  readonly graph?: GraphReport
}

/** A load or a run that failed; `fault` says whose fault: the request's input or the model. */
export interface HostFailure {
  readonly fault: 'input' | 'model'
  readonly reason: string
  /** The input could be read, but is not what the model's signature declares. */
  readonly bySignature?: boolean
}

export interface LoadedModel extends AsyncDisposable {
  readonly signature: Signature
  readonly batched?: boolean
  readonly metadata: Readonly<Record<string, string>>
  readonly runtime: string
  readonly graph?: GraphReport
  /**
   * Runs once. `wanted` names the outputs to compute, empty for all.
   * Throws EngineError for an input the model can't take; anything else counts as the model's own failure.
   */
  run(inputs: readonly Tensor[], wanted: readonly string[]): Promise<readonly Tensor[]>
}

/** Code that loads and runs one kind of model. */
export interface Engine {
  readonly name: EngineName
  load(order: LoadOrder): Promise<LoadedModel>
}

/** A failure that an engine can explain. */
export class EngineError extends Error {
  override name = 'EngineError'
  readonly fault: 'input' | 'model'

  constructor(fault: 'input' | 'model', reason: string, cause?: unknown) {
    super(reason, cause === undefined ? undefined : { cause })
    this.fault = fault
  }
}
