import type { Parameters } from '../../gateway/index.ts'
import { fail } from '../../protocol/index.ts'
import { JsonError, LostDigits, parseJson, parseJsonQuick } from '../../tensor/index.ts'
import type { JsonValue } from '../../tensor/index.ts'
import type { ScoringTarget, ScoringTensors } from './frame-tensors.ts'
import { tensorsOf } from './frame-tensors.ts'
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
}

/** Where nothing bounds its memory, larger texts are read by the reader with limits. */
const quickBytesMax = 64 * 1024
/** A body of 64 MiB fits the memory of a thread whatever it holds. */
const quickBytesMaxApart = 64 * 1024 ** 2

/** Tensors may be this much larger than the text they came from; dense tables stay below half of it. */
const growthMax = 8
const bytesFree = 16 * 1024 ** 2

/** Reads the body of a scoring request straight into the tensors of the model. Throws what is wrong with it. */
export const decodeScoringBody = (given: ScoringBody): DecodedScoring => {
  const { body, form } = given
  if (form === 'csv') return { ...layOut({ frame: readCsv(body) }, given, true), parameters: noParameters }
  if (body.length <= (given.apart ? quickBytesMaxApart : quickBytesMax)) {
    try {
      return decodeJson(parse(parseJsonQuick, given), given, false)
    } catch (error) {
      if (!(error instanceof LostDigits)) throw error
    }
  }
  return decodeJson(parse(parseJson, given), given, true)
}

const noParameters: Parameters = new Map()

const decodeJson = (json: JsonValue, given: ScoringBody, exact: boolean): DecodedScoring => {
  const data = given.form === 'json' ? readInvocation(json) : readPredictBody(json)
  return { ...layOut(data, given, exact), parameters: readParams(json) }
}

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
