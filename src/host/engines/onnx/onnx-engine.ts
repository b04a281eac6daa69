import { reasonOf } from '../../../lib/index.ts'
import { readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { InferenceSession, type Tensor as OrtTensor } from 'onnxruntime-node'
import type { Signature, Tensor, TensorSpec } from '../../../tensor/index.ts'
import type { Engine, GraphReport, LoadedModel, LoadOrder } from '../../engine.ts'
import { EngineError } from '../../engine.ts'
import { checkOnnx, OnnxRefused } from './check-onnx.ts'
import type { WithoutZipMap } from './drop-zip-map.ts'
import { dropZipMap } from './drop-zip-map.ts'
import type { OnnxFacts } from './onnx-file.ts'
import { availableProviders } from './available-providers.ts'
import { fromOrt, toOrt } from './ort-tensor.ts'
import { ortDatatypes } from './ort-datatype.ts'
import { runtimeMessage } from './runtime-message.ts'
import type { SavedFacts } from './saved-graph.ts'
import {
  allowedDomains,
  appendFacts,
  readSavedFacts,
  savedGraphOptions,
  savingOptions,
  unfitForSaving,
} from './saved-graph.ts'
import type { SessionOptions } from './session-options.ts'
import { sessionOptions } from './session-options.ts'

/** An engine over the execution providers that `providers` lists. */
export const onnxEngineWith = (providers: () => readonly string[]): Engine => ({
  name: 'onnx',
  async load(order: LoadOrder): Promise<LoadedModel> {
    const facts = checkFile(order)
    const options = sessionOptions(order.options, {
      available: providers(),
      fileBytes: modelBytes(order.path, facts),
    })
    try {
      return await loadWith(order, facts, options)
    } catch (error) {
      const isChosen = !['auto', undefined].includes(order.options['execution_provider'])
      if (isChosen || providerOf(options) === 'cpu') throw error
      // Why printed: what a host prints is in the server's log.
      process.stderr.write(`the model is loaded for the CPU: ${reasonOf(error)}\n`)
      return loadWith(order, facts, { ...options, executionProviders: ['cpu'] })
    }
  },
})

/** Runs ONNX models with ONNX Runtime. Its `create` and `run` block this process, which is why it is a process. */
export const onnxEngine: Engine = onnxEngineWith(availableProviders)

const loadWith = async (order: LoadOrder, facts: OnnxFacts, options: SessionOptions): Promise<LoadedModel> => {
  const { graph } = order
  if (graph === undefined) return openSource(order.path, facts, options)
  const unfit = unfitForSaving(facts, options)
  if (unfit !== undefined)
    return (await openSource(order.path, facts, options)).with({ kind: 'refused', reason: unfit })
  if ('write' in graph) return saveGraph(order, graph.write, { facts, options })
  try {
    return await openSaved(graph.read, order, options)
  } catch (error) {
    return (await openSource(order.path, facts, options)).with({ kind: 'refused', reason: reasonOf(error) })
  }
}

const openSource = async (path: string, facts: OnnxFacts, options: SessionOptions): Promise<OnnxModel> => {
  const { source, classes } = sourceOf(path, facts)
  const session = await createSession(source, options as InferenceSession.SessionOptions)
  const metadata = { producer: facts.producer, ...facts.metadata, ...classMetadata(classes) }
  return new OnnxModel(session, { provider: providerOf(options), signature: signatureOf(session), metadata })
}

const openSaved = async (path: string, order: LoadOrder, options: SessionOptions): Promise<OnnxModel> => {
  const facts = readSavedFacts(path, order)
  const session = await createSession(path, savedGraphOptions(options) as InferenceSession.SessionOptions)
  return new OnnxModel(session, { provider: providerOf(options), ...facts, graph: { kind: 'read' } })
}

/**
 * Writes the optimised graph, and measures what it gains. Why processor time: others compute meanwhile, and a host that
 * does this has a low priority.
 */
const saveGraph = async (
  order: LoadOrder,
  path: string,
  { facts, options }: { readonly facts: OnnxFacts; readonly options: SessionOptions },
): Promise<OnnxModel> => {
  const { source } = sourceOf(order.path, facts)
  await (await createSession(source, savingOptions(options, path))).release()
  const fromSource = await timed(() => openSource(order.path, facts, options))
  const { signature, metadata } = fromSource.model
  appendFacts(path, { signature, metadata })
  await fromSource.model[Symbol.asyncDispose]()
  const fromGraph = await timed(() => openSaved(path, order, options))
  return fromGraph.model.with({ kind: 'written', sourceMs: fromSource.cpuMs, graphMs: fromGraph.cpuMs })
}

const timed = async (open: () => Promise<OnnxModel>): Promise<{ model: OnnxModel; cpuMs: number }> => {
  const before = process.cpuUsage()
  const model = await open()
  const { user, system } = process.cpuUsage(before)
  return { model, cpuMs: (user + system) / 1000 }
}

const providerOf = (options: SessionOptions): string => options.executionProviders[0] ?? 'cpu'

const sourceOf = (path: string, facts: OnnxFacts): { source: string | Uint8Array; classes: WithoutZipMap['classes'] } =>
  facts.hasZipMap ? withoutZipMap(path, facts) : { source: path, classes: {} }

/** Size of the model with the weights it keeps in other files. */
const modelBytes = (path: string, facts: OnnxFacts): number =>
  facts.external.reduce((sum, external) => sum + (external.length ?? Infinity), statSync(path).size)

const checkFile = (order: LoadOrder): OnnxFacts => {
  try {
    return checkOnnx(order.path, {
      bytesMax: Number(order.options['onnx_file_bytes_max'] ?? Infinity),
      allowedDomains: allowedDomains(order.options),
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
    const folder = typeof source === 'string' ? dirname(source) : ''
    const reason = runtimeMessage(reasonOf(error), folder)
    const [, failed] = /AppendExecutionProvider_\w+: (.*)/.exec(reason) ?? []
    if (failed === undefined) throw new EngineError('model', `ONNX Runtime: ${reason}`, error)
    const provider = String(options.executionProviders?.[0])
    throw new EngineError('model', `execution provider '${provider}' can't be used here: ${failed}`, error)
  }
}

interface AboutModel extends SavedFacts {
  readonly provider: string
  readonly graph?: GraphReport
}

class OnnxModel implements LoadedModel {
  readonly signature: Signature
  readonly metadata: Readonly<Record<string, string>>
  readonly runtime: string
  readonly graph?: GraphReport
  readonly #session: InferenceSession
  readonly #about: AboutModel

  constructor(session: InferenceSession, about: AboutModel) {
    this.#session = session
    this.#about = about
    this.metadata = about.metadata
    this.runtime = `onnxruntime ${about.provider}`
    this.signature = about.signature
    if (about.graph !== undefined) this.graph = about.graph
  }

  /** The same, with what became of its graph. */
  with(graph: GraphReport): OnnxModel {
    return new OnnxModel(this.#session, { ...this.#about, graph })
  }

  async run(inputs: readonly Tensor[], wanted: readonly string[]): Promise<readonly Tensor[]> {
    const feeds: Record<string, OrtTensor> = {}
    for (const input of inputs) feeds[input.name] = toOrt(input)
    const names = wanted.length > 0 ? wanted : this.#session.outputNames
    let results: InferenceSession.ReturnType
    try {
      results = await this.#session.run(feeds, [...names])
    } catch (error) {
      throw new EngineError('input', `ONNX Runtime: ${runtimeMessage(reasonOf(error))}`, error)
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

const signatureOf = (session: InferenceSession): Signature => ({
  inputs: session.inputMetadata.map((value) => tensorSpec(value, 'input')),
  outputs: session.outputMetadata.map((value) => tensorSpec(value, 'output')),
})

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
