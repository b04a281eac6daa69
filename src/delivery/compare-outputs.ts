import type { InferAnswer } from '../serving/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { decodeStrings, fromBfloatBits, fromHalfBits, toTypedArray } from '../tensor/index.ts'

/** How far an answer may be from the expected one: |actual - expected| <= absolute + relative * |expected|. */
export interface Tolerance {
  readonly absolute: number
  readonly relative: number
}

const asNumbers = (tensor: Tensor): number[] => {
  // FP16 and BF16 come as their bits.
  const values = toTypedArray(tensor)
  if (tensor.datatype === 'FP16') return [...values].map((bits) => fromHalfBits(Number(bits)))
  if (tensor.datatype === 'BF16') return [...values].map((bits) => fromBfloatBits(Number(bits)))
  return [...values].map(Number)
}

const isFloat = ({ datatype }: Tensor): boolean => datatype.startsWith('FP') || datatype === 'BF16'

/** What a version answered: its outputs, and what it says of them besides. */
export type Answered = Pick<InferAnswer, 'outputs' | 'predictions'>

/** Why an answer is none: the first value that is no number; undefined when all are. Infinity is one. */
export const notANumber = (answer: Answered): string | undefined =>
  placeOf(answer, { is: Number.isNaN, word: 'NaN', what: 'is not a number (NaN)' })

/** Where an answer is infinite, which a model may mean; undefined when it is not. */
export const infinite = (answer: Answered): string | undefined =>
  placeOf(answer, {
    is: (value) => Math.abs(value) === Infinity,
    word: 'Infinity',
    what: 'is infinite',
  })

interface Odd {
  is(value: number): boolean
  /** What JSON has for it. */
  readonly word: string
  readonly what: string
}

const placeOf = ({ outputs, predictions }: Answered, { is, word, what }: Odd): string | undefined => {
  const json = predictions?.json
  if (json !== undefined) {
    // Why: it holds the answer, where tensors may have NaN for a number that is missing.
    for (const text of decodeStrings(json)) {
      const at = wordAt(text, word)
      if (at >= 0) return `its answer ${what} in ${text.slice(Math.max(0, at - 40), at + word.length)}`
    }
    return undefined
  }
  for (const output of outputs) {
    if (!isFloat(output)) continue
    const at = asNumbers(output).findIndex(is)
    if (at >= 0) return `output '${output.name}' ${what} at position ${at}`
  }
  return undefined
}

/** Where JSON has a word outside its texts; -1 when nowhere. */
const wordAt = (json: string, word: string): number => {
  let isText = false
  for (let at = 0; at < json.length; at++) {
    const character = json[at]
    if (character === '"') isText = !isText
    else if (isText && character === '\\') at++
    else if (!isText && character === word[0] && json.startsWith(word, at)) return at
  }
  return -1
}

/** Why answers differ: the first difference beyond the tolerance; undefined when there is none. Outputs that aren't expected are not looked at. */
export const outputDifference = (
  actual: readonly Tensor[],
  expected: readonly Tensor[],
  tolerance: Tolerance,
): string | undefined => {
  for (const want of expected) {
    const have = actual.find(({ name }) => name === want.name)
    const difference = have === undefined ? 'is missing' : tensorDifference(have, want, tolerance)
    if (difference !== undefined) return `output '${want.name}' ${difference}`
  }
  return undefined
}

const tensorDifference = (have: Tensor, want: Tensor, tolerance: Tolerance): string | undefined => {
  if (have.datatype !== want.datatype) return `is ${have.datatype} instead of ${want.datatype}`
  if (String(have.shape) !== String(want.shape))
    return `has shape [${have.shape.join(',')}] instead of [${want.shape.join(',')}]`
  const [actual, expected] =
    want.datatype === 'BYTES' ? [decodeStrings(have), decodeStrings(want)] : [asNumbers(have), asNumbers(want)]
  const at = expected.findIndex((value, index) => !isClose(actual[index], value, tolerance))
  return at < 0 ? undefined : `is ${actual[at]} instead of ${expected[at]} at position ${at}`
}

const isClose = (
  have: number | string | undefined,
  want: number | string,
  { absolute, relative }: Tolerance,
): boolean => {
  if (Object.is(have, want) || have === want) return true
  if (typeof have !== 'number' || typeof want !== 'number') return false
  return Math.abs(have - want) <= absolute + relative * Math.abs(want)
}
