import { appendFileSync } from 'node:fs'
import type { InferenceSession } from 'onnxruntime-node'
import { ProtobufWriter } from '../../../lib/index.ts'
import type { Signature } from '../../../tensor/index.ts'
import type { LoadOrder } from '../../engine.ts'
import { checkOnnx } from './check-onnx.ts'
import type { OnnxFacts } from './onnx-file.ts'
import type { SessionOptions } from './session-options.ts'

/** What a host reports of a model. Why kept with the graph: the model says the same of itself whichever of both is read. */
export interface SavedFacts {
  readonly signature: Signature
  readonly metadata: Readonly<Record<string, string>>
}

/** Key of the saved facts in the metadata of the graph's file. */
const factsKey = 'slipway.facts'

/** Why the optimised graph of a model is not kept; undefined when it may be. */
export const unfitForSaving = (facts: OnnxFacts, options: SessionOptions): string | undefined => {
  // Why: the server binds a graph to the bytes of the one file.
  if (facts.external.length > 0) return 'its weights lie in other files'
  if (options.executionProviders.some((provider) => provider !== 'cpu')) return 'it runs on a provider beside the CPU'
  return options.graphOptimizationLevel === 'disabled' ? 'its graph is not optimised' : undefined
}

/** Options to open a saved graph: optimising it again finds nothing and takes its time. */
export const savedGraphOptions = (options: SessionOptions): SessionOptions => ({
  ...options,
  graphOptimizationLevel: 'disabled',
})

/** Options with which creating a session also writes its graph. */
export const savingOptions = (options: SessionOptions, path: string): InferenceSession.SessionOptions => ({
  ...(options as InferenceSession.SessionOptions),
  optimizedModelFilePath: path,
})

/** Adds the facts to a graph's file: to a message of protobuf, fields can be appended. */
export const appendFacts = (path: string, facts: SavedFacts): void => {
  const entry = new ProtobufWriter().message(14, (field) => field.string(1, factsKey).string(2, JSON.stringify(facts)))
  appendFileSync(path, entry.finish())
}

/**
 * Checks a saved graph as every ONNX file is checked, and reads the facts in it. Throws what is wrong with it.
 */
export const readSavedFacts = (path: string, order: LoadOrder): SavedFacts => {
  const { metadata, external } = checkOnnx(path, {
    bytesMax: Infinity,
    allowedDomains: allowedDomains(order.options),
  })
  if (external.length > 0) throw new Error('it names other files')
  const saved = metadata[factsKey]
  if (saved === undefined) throw new Error('it lacks what the host wrote of it')
  return JSON.parse(saved) as SavedFacts
}

export const allowedDomains = (options: Readonly<Record<string, string>>): string[] =>
  (options['onnx_allowed_domains'] ?? '').split(',').filter((domain) => domain !== '')
