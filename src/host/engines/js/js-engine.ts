import { pathToFileURL } from 'node:url'
import type { Signature, Tensor, TensorSpec } from '../../../tensor/index.ts'
import { isDataType } from '../../../tensor/index.ts'
import type { Engine, LoadedModel, LoadOrder } from '../../engine.ts'
import { EngineError } from '../../engine.ts'
import type { JsTensor } from './js-tensor.ts'
import { fromJs, toJs } from './js-tensor.ts'

/** What a model module is told when it is loaded. */
export interface JsModelContext {
  readonly model: string
  readonly version: string
  /** Parameters of the model's configuration. */
  readonly parameters: Readonly<Record<string, string>>
}

/** The outputs of a prediction by name: tensors, or bare values whose shape follows from the declared output. */
export type JsOutputs = Readonly<Record<string, JsTensor | JsTensor['data']>>

/**
 * A model written in TypeScript or JavaScript: what its module exports.
 *
 * @example
 * export const signature = {
 *   inputs: [{ name: 'amount', datatype: 'FP32', shape: [-1, 1] }],
 *   outputs: [{ name: 'risky', datatype: 'BOOL', shape: [-1, 1] }],
 * }
 * export const batched = true
 * export const predict = ({ amount }) => ({ risky: Array.from(amount.data, (value) => value > 100) })
 */
export interface JsModelModule {
  readonly signature: Signature
  /** Whether predict takes several requests' rows joined; false when left out. */
  readonly batched?: boolean
  load?(context: JsModelContext): unknown
  predict(inputs: Readonly<Record<string, JsTensor>>): JsOutputs | Promise<JsOutputs>
}

/** Runs a module with `signature`, `predict` and, if it likes, `load`. */
export const jsEngine: Engine = {
  name: 'js',
  async load(order: LoadOrder): Promise<LoadedModel> {
    const exports = (await import(pathToFileURL(order.path).href)) as Record<string, unknown>
    const module = readModule(stepExports(exports, order.options))
    await module.load?.({ model: order.model, version: order.version, parameters: order.options })
    return new JsModel(module)
  },
}

/**
 * A module that runs before or behind a model exports a function of the step's name, or `predict`. It always takes
 * whole batches, and the model around it says what it takes and gives.
 */
const stepExports = (
  exports: Record<string, unknown>,
  { step_function: name, step_signature: signature }: Readonly<Record<string, string | undefined>>,
): Record<string, unknown> => {
  if (name === undefined || signature === undefined) return exports
  const predict = exports[name] ?? exports['predict']
  if (typeof predict !== 'function') throw new EngineError('model', `the module must export a function ${name}(inputs)`)
  return { ...exports, predict, signature: JSON.parse(signature) as unknown, batched: true }
}

const readModule = (exports: Record<string, unknown>): JsModelModule => {
  const fallback = exports['default']
  const found =
    'predict' in exports || typeof fallback !== 'object' || fallback === null
      ? exports
      : (fallback as Record<string, unknown>)
  const { predict, load, batched, signature } = found
  if (typeof predict !== 'function') throw new EngineError('model', 'the module must export a function predict(inputs)')
  if (load !== undefined && typeof load !== 'function')
    throw new EngineError('model', 'load, when exported, must be a function')
  if (batched !== undefined && typeof batched !== 'boolean')
    throw new EngineError('model', 'batched, when exported, must be true or false')
  const declared = signature as { inputs?: unknown; outputs?: unknown } | undefined
  return {
    predict: predict as JsModelModule['predict'],
    ...(load === undefined ? {} : { load: load as NonNullable<JsModelModule['load']> }),
    batched: batched ?? false,
    signature: { inputs: readSpecs(declared?.inputs, 'inputs'), outputs: readSpecs(declared?.outputs, 'outputs') },
  }
}

const readSpecs = (value: unknown, what: string): TensorSpec[] => {
  if (!Array.isArray(value))
    throw new EngineError('model', `the module must export signature.${what}, a list of { name, datatype, shape }`)
  return value.map((entry: { name?: unknown; datatype?: unknown; shape?: unknown; optional?: unknown }): TensorSpec => {
    const { name, datatype, shape } = entry
    if (typeof name !== 'string' || name === '')
      throw new EngineError('model', `each of signature.${what} must have a name`)
    if (typeof datatype !== 'string' || !isDataType(datatype))
      throw new EngineError('model', `signature.${what} '${name}' has no known datatype`)
    if (!Array.isArray(shape) || !shape.every((dimension) => Number.isInteger(dimension) && dimension >= -1)) {
      throw new EngineError(
        'model',
        `signature.${what} '${name}' must have a shape, a list of whole numbers with -1 for any size`,
      )
    }
    return { name, datatype, shape: shape as number[], ...(entry.optional === true ? { optional: true } : {}) }
  })
}

class JsModel implements LoadedModel {
  readonly signature: Signature
  readonly batched: boolean
  readonly metadata: Readonly<Record<string, string>> = {}
  readonly runtime: string = `node ${process.version}`
  readonly #module: JsModelModule

  constructor(module: JsModelModule) {
    this.#module = module
    this.signature = module.signature
    this.batched = module.batched ?? false
  }

  async run(inputs: readonly Tensor[], wanted: readonly string[]): Promise<readonly Tensor[]> {
    const named: Record<string, JsTensor> = {}
    for (const input of inputs) named[input.name] = toJs(input)
    const rows = inputs[0]?.shape[0] ?? 1
    const outputs: unknown = await this.#module.predict(named)
    if (typeof outputs !== 'object' || outputs === null)
      throw new EngineError('model', 'predict must return an object of outputs by name')
    return this.signature.outputs
      .filter((spec) => wanted.length === 0 || wanted.includes(spec.name))
      .map((spec) => fromJs(spec, (outputs as JsOutputs)[spec.name], rows))
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
