import { InferenceSession, type Tensor as OrtTensor } from 'onnxruntime-node'
import type { Signature, Tensor, TensorSpec } from '../../../tensor/index.ts'
import type { Engine, LoadedModel, LoadOrder } from '../../engine.ts'
import { EngineError } from '../../engine.ts'
import { availableProviders } from './available-providers.ts'
import { fromOrt, toOrt } from './ort-tensor.ts'
import { ortDatatypes } from './ort-datatype.ts'
import { sessionOptions } from './session-options.ts'

/** Runs ONNX models with ONNX Runtime. Its `create` and `run` block this process, which is why it is a process. */
export const onnxEngine: Engine = {
  name: 'onnx',
  async load(order: LoadOrder): Promise<LoadedModel> {
    const options = sessionOptions(order.options, availableProviders())
    const session = await createSession(order.path, options as InferenceSession.SessionOptions)
    return new OnnxModel(session, options.executionProviders[0] ?? 'cpu')
  },
}

const createSession = async (path: string, options: InferenceSession.SessionOptions): Promise<InferenceSession> => {
  try {
    return await InferenceSession.create(path, options)
  } catch (error) {
    throw new EngineError('model', `ONNX Runtime: ${message(error)}`, error)
  }
}

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error))

class OnnxModel implements LoadedModel {
  readonly signature: Signature
  readonly metadata: Readonly<Record<string, string>> = {}
  readonly runtime: string
  readonly #session: InferenceSession

  constructor(session: InferenceSession, provider: string) {
    this.#session = session
    this.runtime = `onnxruntime ${provider}`
    this.signature = {
      inputs: session.inputMetadata.map((value) => tensorSpec(value, 'input')),
      outputs: session.outputMetadata.map((value) => tensorSpec(value, 'output')),
    }
  }

  async run(inputs: readonly Tensor[], wanted: readonly string[]): Promise<readonly Tensor[]> {
    const feeds: Record<string, OrtTensor> = {}
    for (const input of inputs) feeds[input.name] = toOrt(input)
    const names = wanted.length > 0 ? wanted : this.#session.outputNames
    let results: InferenceSession.ReturnType
    try {
      results = await this.#session.run(feeds, [...names])
    } catch (error) {
      throw new EngineError('input', `ONNX Runtime: ${message(error)}`, error)
    }
    return names.map((name) => {
      const value = results[name]
      if (value === undefined) throw new EngineError('model', `ONNX Runtime gave no output '${name}'`)
      return fromOrt(name, value as OrtTensor)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.release()
  }
}

const tensorSpec = (value: InferenceSession.ValueMetadata, what: string): TensorSpec => {
  if (!value.isTensor) throw new EngineError('model', `${what} '${value.name}' is not a tensor`)
  const datatype = ortDatatypes[value.type]
  if (datatype === undefined) {
    throw new EngineError('model', `${what} '${value.name}' has the type ${value.type}, which can't be served`)
  }
  return {
    name: value.name,
    datatype,
    shape: value.shape.map((dimension) => (typeof dimension === 'number' && dimension >= 0 ? dimension : -1)),
  }
}
