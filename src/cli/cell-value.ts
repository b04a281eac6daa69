const truths = new Map<string, boolean>([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
])

const specialFloats = new Map<string, number>([
  ['nan', Number.NaN],
  ['inf', Number.POSITIVE_INFINITY],
  ['infinity', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
  ['-infinity', Number.NEGATIVE_INFINITY],
])

const isFloat = (datatype: string): boolean => /^B?FP?\d+$/.test(datatype)

/**
 * What a cell of a table says where a model takes values of `datatype`: text is read as what the type has, and nothing
 * is NaN where the type has it. Undefined for a cell that says no such value.
 */
export const cellValue = (datatype: string, cell: unknown): unknown => {
  if (cell === undefined || cell === null) return cell === null && isFloat(datatype) ? Number.NaN : undefined
  if (datatype === 'BYTES') return cell
  if (typeof cell === 'boolean') return datatype === 'BOOL' ? cell : Number(cell)
  if (typeof cell !== 'string') return cell
  const word = cell.trim().toLowerCase()
  if (word === '') return isFloat(datatype) ? Number.NaN : undefined
  return datatype === 'BOOL' ? truths.get(word) : numberValue(datatype, word)
}

const numberValue = (datatype: string, word: string): number | bigint | undefined => {
  if (isFloat(datatype) && specialFloats.has(word)) return specialFloats.get(word)
  // Why: tables have truth where a model takes numbers, since a converted one may know no other.
  if (word === 'true' || word === 'false') return Number(word === 'true')
  if (/^[+-]?\d+$/.test(word)) return wholeNumber(word)
  const number = Number(word)
  return Number.isFinite(number) ? number : undefined
}

const wholeNumber = (digits: string): number | bigint => {
  const number = Number(digits)
  return Number.isSafeInteger(number) ? number : BigInt(digits.replace('+', ''))
}

/** JSON of a value, in which bigints keep their digits and numbers that JSON lacks are words, as in the protocol. */
export const exactJson = (value: unknown): string => {
  if (typeof value === 'bigint') return value.toString()
  if (Array.isArray(value)) return `[${value.map(exactJson).join(',')}]`
  if (typeof value !== 'number') return JSON.stringify(value)
  return Object.is(value, -0) ? '-0.0' : String(value)
}
