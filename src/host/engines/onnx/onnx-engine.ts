import { readFileSync, statSync } from 'node:fs'
import { InferenceSession, type Tensor as OrtTensor } from 'onnxruntime-node'
import type { Signature, Tensor, TensorSpec } from '../../../tensor/index.ts'
import type { Engine, LoadedModel, LoadOrder } from '../../engine.ts'
import { EngineError } from '../../engine.ts'
import { checkOnnx, OnnxRefused } from './check-onnx.ts'
import type { WithoutZipMap } from './drop-zip-map.ts'
import { dropZipMap } from './drop-zip-map.ts'
import type { OnnxFacts } from './onnx-file.ts'
import { availableProviders } from './available-providers.ts'
import { fromOrt, toOrt } from './ort-tensor.ts'
import { ortDatatypes } from './ort-datatype.ts'
import { sessionOptions } from './session-options.ts'

/** Runs ONNX models with ONNX Runtime. Its `create` and `run` block this process, which is why it is a process. */
export const onnxEngine: Engine = {
  name: 'onnx',
  async load(order: LoadOrder): Promise<LoadedModel> {
    const facts = checkFile(order)
    const options = sessionOptions(order.options, {
      available: availableProviders(),
      fileBytes: modelBytes(order.path, facts),
    })
    const { source, classes } = facts.hasZipMap ? withoutZipMap(order.path, facts) : { source: order.path, classes: {} }
    const session = await createSession(source, options as InferenceSession.SessionOptions)
    const metadata = { producer: facts.producer, ...facts.metadata, ...classMetadata(classes) }
    return new OnnxModel(session, { provider: options.executionProviders[0] ?? 'cpu', metadata })
  },
}

/** Size of the model with the weights it keeps in other files. */
const modelBytes = (path: string, facts: OnnxFacts): number =>
  facts.external.reduce((sum, external) => sum + (external.length ?? Infinity), statSync(path).size)

const checkFile = (order: LoadOrder): OnnxFacts => {
  try {
    return checkOnnx(order.path, {
      bytesMax: Number(order.options['onnx_file_bytes_max'] ?? Infinity),
      allowedDomains: (order.options['onnx_allowed_domains'] ?? '').split(',').filter((domain) => domain !== ''),
    })
  } catch (error) {
    if (error instanceof OnnxRefused) throw new EngineError('model', error.message, error)
    throw error
  }
}

const withoutZipMap = (path: string, facts: OnnxFacts): { source: Uint8Array; classes: WithoutZipMap['classes'] } => {
  if (facts.external.length > 0)
    throw new EngineError(
      'model',
      'ZipMap together with external data is not supported; convert the model without ZipMap',
    )
  const { model, classes } = dropZipMap(readFileSync(path))
  return { source: model, classes }
}

/** The classes that a ZipMap named, which its tensor has only as positions. */
const classMetadata = (classes: WithoutZipMap['classes']): Record<string, string> =>
  Object.fromEntries(Object.entries(classes).map(([output, labels]) => [`classes.${output}`, JSON.stringify(labels)]))

const createSession = async (
  source: string | Uint8Array,
  options: InferenceSession.SessionOptions,
): Promise<InferenceSession> => {
  try {
    return typeof source === 'string'
      ? await InferenceSession.create(source, options)
      : await InferenceSession.create(source, options)
  } catch (error) {
    throw new EngineError('model', `ONNX Runtime: ${message(error)}`, error)
  }
}

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error))

class OnnxModel implements LoadedModel {
  readonly signature: Signature
  readonly metadata: Readonly<Record<string, string>>
  readonly runtime: string
  readonly #session: InferenceSession

  constructor(
    session: InferenceSession,
    about: { readonly provider: string; readonly metadata: Readonly<Record<string, string>> },
  ) {
    this.#session = session
    this.metadata = about.metadata
    this.runtime = `onnxruntime ${about.provider}`
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
