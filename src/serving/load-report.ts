import type { LoadReport } from '../host/index.ts'
import { isDataType } from '../tensor/index.ts'

/** What a host reports of its model. Throws when it is no report: the code of a model may write to the link itself. */
export const checkedReport = (value: unknown): LoadReport => {
  must(isObject(value), 'a report is an object')
  const { signature, metadata, memoryBytes, runtime, batched } = value
  must(isObject(signature), 'it has a signature')
  checkSpecs(signature['inputs'])
  checkSpecs(signature['outputs'])
  for (const name of ['open', 'readsBodies']) must(isOptional(signature[name], 'boolean'), `${name} is true or false`)
  const { parameters } = signature
  must(parameters === undefined || isListOf(parameters, isText), 'parameters have names')
  must(isObject(metadata) && Object.values(metadata).every(isText), 'metadata are texts')
  must(Number.isFinite(memoryBytes) && Number(memoryBytes) >= 0, 'memory is a number of bytes')
  must(isText(runtime), 'the runtime has a name')
  must(isOptional(batched, 'boolean'), 'batched is true or false')
  return value as unknown as LoadReport
}

function must(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`not so in its report: ${what}`)
}

const checkSpecs = (specs: unknown): void => {
  must(isListOf(specs, isObject), 'a signature lists tensors')
  for (const { name, datatype, shape, optional } of specs) {
    must(isText(name) && isText(datatype) && isDataType(datatype), 'a tensor has a name and a datatype')
    must(isListOf(shape, isDimension), 'its dimensions are whole numbers, or -1')
    must(isOptional(optional, 'boolean'), 'it is optional or not')
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isText = (value: unknown): value is string => typeof value === 'string'

const isOptional = (value: unknown, type: 'boolean'): boolean => value === undefined || typeof value === type

const isDimension = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= -1

const isListOf = <T>(value: unknown, isOne: (each: unknown) => each is T): value is readonly T[] =>
  Array.isArray(value) && value.every(isOne)
