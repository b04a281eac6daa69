import type { JsonValue } from '../../tensor/index.ts'

type Cell = JsonValue | undefined

/** What tables of text call numbers that there is no digit for. */
const numberWords: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  inf: Infinity,
  '+inf': Infinity,
  '-inf': -Infinity,
  infinity: Infinity,
  '+infinity': Infinity,
  '-infinity': -Infinity,
}

/** As JSON writes truth, and as pandas does into CSV. */
const truths: Readonly<Record<string, boolean>> = { true: true, false: false, True: true, False: false }

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const whole = /^[+-]?\d{1,40}$/

/** A cell as a floating-point number: a missing value is NaN, truth is 1; undefined when it is no number. */
export const numberOf = (cell: Cell): number | undefined => {
  switch (typeof cell) {
    case 'number':
      return cell
    case 'undefined':
      return Number.NaN
    case 'bigint':
    case 'boolean':
      return Number(cell)
    case 'string':
      return numberOfText(cell.trim())
    default:
      return cell === null ? Number.NaN : undefined
  }
}

const numberOfText = (text: string): number | undefined => {
  if (decimal.test(text)) return finite(Number(text))
  if (Object.hasOwn(truths, text)) return Number(truths[text])
  const word = text.toLowerCase()
  return Object.hasOwn(numberWords, word) ? numberWords[word] : undefined
}

/** Digits too large for a double are no number of any type: only the words are infinite. */
const finite = (value: number): number | undefined => (Number.isFinite(value) ? value : undefined)

/** A cell as a whole number, of any size when written as text; a fraction is refused, not cut off. */
export const integerOf = (cell: Cell): number | bigint | undefined => {
  switch (typeof cell) {
    case 'number':
      return Number.isInteger(cell) ? cell : undefined
    case 'bigint':
      return cell
    case 'boolean':
      return Number(cell)
    case 'string':
      return integerOfText(cell.trim())
    default:
      return undefined
  }
}

const integerOfText = (text: string): number | bigint | undefined => {
  if (Object.hasOwn(truths, text)) return Number(truths[text])
  if (!whole.test(text)) return undefined
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : BigInt(text)
}

export const truthOf = (cell: Cell): boolean | undefined => {
  if (typeof cell === 'boolean') return cell
  if (cell === 1) return true
  if (cell === 0) return false
  return typeof cell === 'string' && Object.hasOwn(truths, cell) ? truths[cell] : undefined
}

/** A cell as text: numbers are written out, since identifiers of digits come as either. */
export const textOf = (cell: Cell): string | undefined => {
  if (typeof cell === 'string') return cell.isWellFormed() ? cell : undefined
  return typeof cell === 'number' || typeof cell === 'bigint' ? String(cell) : undefined
}

const shownCharactersMax = 40

/** A cell as a message shows it. */
export const shownCell = (cell: Cell): string => {
  if (typeof cell === 'string') return JSON.stringify(cell.slice(0, shownCharactersMax))
  if (Array.isArray(cell)) return 'a list'
  if (cell === undefined || cell === null) return 'a missing value'
  return typeof cell === 'object' ? 'an object' : String(cell).slice(0, shownCharactersMax)
}
