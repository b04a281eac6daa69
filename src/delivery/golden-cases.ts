import { reasonOf } from '../lib/index.ts'
import { datatypes, decodeJsonTensor, isDataType, parseJson, TensorError } from '../tensor/index.ts'
import type { JsonValue, Tensor } from '../tensor/index.ts'
import type { Tolerance } from './compare-outputs.ts'

/** An input with the answer that a version must give. */
export interface GoldenCase {
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
}

export interface GoldenCases {
  readonly count: number
  /** The tensors of a case are read when its turn comes. Throws an Error that says what is wrong with it. */
  caseAt(index: number): GoldenCase
  readonly tolerance: Tolerance
}

/** Name of the file among a version's own: `{"cases": [{"inputs": [TENSOR …], "outputs": [TENSOR …]}], "tolerance": {"absolute": …, "relative": …}}`, tensors as in the Open Inference Protocol. */
export const goldenFile = 'golden.json'
/** Why so little: they are read on the thread that takes predictions. */
export const goldenBytesMax = 1024 * 1024

const casesMax = 100
const jsonDepthMax = 32
/** What differs between builds of one runtime on two kinds of processor. */
const toleranceDefault: Tolerance = { absolute: 1e-6, relative: 1e-4 }

const isObject = (value: JsonValue | undefined): value is { readonly [key: string]: JsonValue } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const wrong = (reason: string): Error => new Error(`${goldenFile}: ${reason}`)

/** Reads the file, save the tensors of its cases. Throws an Error that says what is wrong with it. */
export const readGoldenCases = (bytes: Uint8Array): GoldenCases => {
  const document = parsed(bytes)
  const cases = isObject(document) ? document['cases'] : undefined
  if (!isObject(document) || !Array.isArray(cases) || cases.length === 0 || cases.length > casesMax)
    throw wrong(`it must be an object whose 'cases' are a list of 1 to ${casesMax}`)
  return {
    count: cases.length,
    caseAt: (index) => ({
      inputs: tensorsOf(cases[index], 'inputs', index),
      outputs: tensorsOf(cases[index], 'outputs', index),
    }),
    tolerance: toleranceOf(document['tolerance']),
  }
}

const parsed = (bytes: Uint8Array): JsonValue => {
  try {
    return parseJson(bytes, { depthMax: jsonDepthMax })
  } catch (error) {
    throw wrong(reasonOf(error))
  }
}

const toleranceOf = (value: JsonValue | undefined): Tolerance => {
  if (value === undefined) return toleranceDefault
  const { absolute = 0, relative = 0 } = isObject(value) ? value : { absolute: '' }
  if (typeof absolute === 'number' && typeof relative === 'number' && absolute >= 0 && relative >= 0)
    return { absolute, relative }
  throw wrong("'tolerance' must have numbers of at least 0, 'absolute' and 'relative'")
}

const tensorsOf = (value: JsonValue | undefined, side: 'inputs' | 'outputs', index: number): Tensor[] => {
  const list = isObject(value) ? value[side] : undefined
  if (!Array.isArray(list) || list.length === 0) throw wrong(`case ${index} has no list of ${side}`)
  return list.map((tensor) => tensorOf(tensor, `case ${index}, ${side}`))
}

const tensorOf = (value: JsonValue, where: string): Tensor => {
  const { name, datatype, shape, data = [] } = isObject(value) ? value : {}
  if (typeof name !== 'string') throw wrong(`${where}: a tensor has no name`)
  if (typeof datatype !== 'string' || !isDataType(datatype))
    throw wrong(`${where}: the datatype of '${name}' is none of ${datatypes.join(', ')}`)
  if (!isShape(shape)) throw wrong(`${where}: the shape of '${name}' is no list of sizes`)
  try {
    return decodeJsonTensor({ name, datatype, shape, data, exact: true })
  } catch (error) {
    if (error instanceof TensorError) throw wrong(`${where}: '${name}': ${error.reason}`)
    throw error
  }
}

const isShape = (value: JsonValue | undefined): value is number[] =>
  Array.isArray(value) && value.every((size) => typeof size === 'number' && Number.isSafeInteger(size) && size >= 0)
