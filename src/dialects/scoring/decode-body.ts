import type { Parameters } from '../../gateway/index.ts'
import { AppError, fail } from '../../protocol/index.ts'
import { JsonError, LostDigits, parseJson, parseJsonQuick, tensorsMax } from '../../tensor/index.ts'
import type { JsonValue } from '../../tensor/index.ts'
import { isObject, own } from './frame.ts'
import type { ScoringTarget, ScoringTensors } from './frame-tensors.ts'
import { areNameless, tensorsOf } from './frame-tensors.ts'
import { readParams } from './read-params.ts'
import { readCsv } from './read-csv.ts'
import { readInvocation, readPredictBody } from './read-frame.ts'
import type { ScoringData } from './read-frame.ts'

export interface ScoringBody {
  readonly body: Uint8Array
  /** How the body is written; `rows` is the JSON of `/predict`. */
  readonly form: 'json' | 'csv' | 'rows'
  readonly target: ScoringTarget
  readonly depthMax: number
  /** Whether this runs where the platform's own JSON reader may take as much memory as it likes. */
  readonly apart: boolean
}

export interface DecodedScoring extends ScoringTensors {
  readonly parameters: Parameters
  /** The model is to read the body itself. */
  readonly whole?: true
}

/** Where nothing bounds its memory, larger texts are read by the reader with limits. */
const quickBytesMax = 64 * 1024
/** A body of 64 MiB fits the memory of a thread whatever it holds. */
const quickBytesMaxApart = 64 * 1024 ** 2

/** Tensors may be this much larger than the text they came from; dense tables stay below half of it. */
const growthMax = 8
const bytesFree = 16 * 1024 ** 2

const noParameters: Parameters = new Map()

const wholeBody: DecodedScoring = { inputs: [], nulls: new Map(), parameters: noParameters, whole: true }

/** Whether a body needs no look, since the model reads it by its signature; its tables of text are laid out here. */
export const isReadByModel = ({ target, form }: Pick<ScoringBody, 'target' | 'form'>): boolean =>
  target.readsBodies && target.inputs.length > 0 && form !== 'csv'

/** Reads the body of a scoring request straight into the tensors of the model. Throws what is wrong with it. */
export const decodeScoringBody = (given: ScoringBody): DecodedScoring => {
  if (!given.target.readsBodies) return decodeTensors(given)
  if (isReadByModel(given)) return wholeBody
  if (given.target.inputs.length > 0) return decodeTensors(given)
  try {
    return decodeTensors(given)
  } catch (error) {
    // Why: what no tensors hold may still be what a model without a signature takes; it has the last word.
    if (error instanceof AppError && error.code !== 'payload_too_large') return wholeBody
    throw error
  }
}

const decodeTensors = (given: ScoringBody): DecodedScoring => {
  const { body, form } = given
  if (form === 'csv') {
    const data = { frame: readCsv(body) }
    return isPlain(data, given) ? { ...layOut(data, given, true), parameters: noParameters } : wholeBody
  }
  if (body.length <= (given.apart ? quickBytesMaxApart : quickBytesMax)) {
    try {
      return decodeJson(parse(parseJsonQuick, given), given, false)
    } catch (error) {
      if (!(error instanceof LostDigits)) throw error
    }
  }
  return decodeJson(parse(parseJson, given), given, true)
}

const decodeJson = (json: JsonValue, given: ScoringBody, exact: boolean): DecodedScoring => {
  if (given.form === 'json' && areNameless(given.target)) refuseNames(json)
  const data = given.form === 'json' ? readInvocation(json) : readPredictBody(json)
  if (!isPlain(data, given) || (isUnsigned(given) && hasMore(json))) return wholeBody
  const laidOut = layOut(data, given, exact)
  if (isUnsigned(given) && !isAsPandas(data, laidOut)) return wholeBody
  return { ...laidOut, parameters: readParams(json, given.target.parametric) }
}

/** MLflow gives a model whose input has no name no names either. */
const refuseNames = (json: JsonValue): void => {
  if (!isObject(json) || !(isObject(own(json, 'inputs')) || isObject(own(json, 'instances')))) return
  const reason =
    'Failed to parse input data. The signature of this model has no names: expected is a single array or value, not an object'
  throw fail('invalid_request', { reason })
}

// Models without a signature: what tensors carry is laid out, and anything else is read by the model.

const isUnsigned = ({ target }: ScoringBody): boolean => target.readsBodies && target.inputs.length === 0

/** Whether it may be a table of several named columns, or an array; a lone column has to stay a table. */
const isPlain = (data: ScoringData, given: ScoringBody): boolean => {
  if (!isUnsigned(given) || !('frame' in data)) return true
  const columns = data.frame.names()?.length ?? 0
  return columns > 1 && columns <= tensorsMax
}

/** Arrays by name, which stay arrays, a lone value, which stays one, or parameters, of which MLflow tells the model. */
const hasMore = (json: JsonValue): boolean => {
  if (!isObject(json)) return false
  const given = own(json, 'inputs') ?? own(json, 'instances')
  const isNamed = given !== undefined && (!Array.isArray(given) || given.some(isObject))
  return isNamed || own(json, 'params') !== undefined
}

/** Whether tensors give the model the same as what pandas and numpy make of the JSON. */
const isAsPandas = (data: ScoringData, { inputs }: ScoringTensors): boolean =>
  'frame' in data
    ? inputs.every(({ shape }) => shape.length === 2 && shape[1] === 1)
    : inputs.every(({ datatype }) => datatype !== 'BYTES')

const layOut = (data: ScoringData, { body, form, target }: ScoringBody, exact: boolean): ScoringTensors =>
  tensorsOf(data, target, {
    positional: form === 'rows',
    exact,
    isText: form === 'csv',
    bytesMax: Math.max(bytesFree, growthMax * body.length),
  })

const parse = (read: typeof parseJson, { body, depthMax }: ScoringBody): JsonValue => {
  try {
    return read(body, { depthMax })
  } catch (error) {
    if (error instanceof JsonError) throw fail('invalid_json', { reason: error.message }, error)
    throw error
  }
}
