import { readFile } from 'node:fs/promises'
import type { Signature, Tensor, TensorSpec } from '../../../tensor/index.ts'
import { isDataType } from '../../../tensor/index.ts'
import type { Engine, LoadedModel, LoadOrder } from '../../engine.ts'
import { EngineError } from '../../engine.ts'

/** What an echo model's file (JSON) says. */
interface EchoFile {
  readonly inputs: readonly TensorSpec[]
  /** Time that each run keeps the host busy, ms. */
  readonly runMs: number
  readonly loadMs: number
}

/** Answers every input as an output of the same name, after a set time: a model whose cost and answer are known. */
export const echoEngine: Engine = {
  name: 'echo',
  async load(order: LoadOrder): Promise<LoadedModel> {
    const file = echoFile(JSON.parse(await readFile(order.path, 'utf8')))
    busyFor(file.loadMs)
    return new EchoModel(file)
  },
}

const echoFile = (value: unknown): EchoFile => {
  const file = value as { inputs?: unknown; runMs?: unknown; loadMs?: unknown }
  if (!Array.isArray(file.inputs)) throw new EngineError('model', 'an echo model is JSON with a list "inputs"')
  const inputs = file.inputs.map((input: { name?: unknown; datatype?: unknown; shape?: unknown }): TensorSpec => {
    if (
      typeof input.name !== 'string' ||
      typeof input.datatype !== 'string' ||
      !isDataType(input.datatype) ||
      !Array.isArray(input.shape)
    ) {
      throw new EngineError('model', 'each input of an echo model has a name, a datatype and a shape')
    }
    return { name: input.name, datatype: input.datatype, shape: input.shape.map(Number) }
  })
  return { inputs, runMs: Number(file.runMs ?? 0), loadMs: Number(file.loadMs ?? 0) }
}

const busyFor = (durationMs: number): void => {
  if (durationMs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, durationMs)
}

class EchoModel implements LoadedModel {
  readonly signature: Signature
  readonly metadata: Readonly<Record<string, string>> = {}
  readonly runtime = 'echo'
  readonly #runMs: number

  constructor(file: EchoFile) {
    this.signature = { inputs: file.inputs, outputs: file.inputs }
    this.#runMs = file.runMs
  }

  run(inputs: readonly Tensor[], wanted: readonly string[]): Promise<readonly Tensor[]> {
    busyFor(this.#runMs)
    return Promise.resolve(wanted.length === 0 ? inputs : inputs.filter((input) => wanted.includes(input.name)))
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
