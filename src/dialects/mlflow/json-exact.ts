/** What JSON.stringify writes as it stands (ECMAScript proposal JSON.parse source text access, in V8 since 11.4). */
interface ExactJson {
  parse(text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown
  rawJSON(text: string): object
}

const exact = JSON as unknown as ExactJson

/** An integer of any size, written with all its digits. */
export const exactInteger = (value: bigint): object => exact.rawJSON(value.toString())

/** JSON whose primitives are made by `make`, which sees how each is written. Undefined for text that is no JSON. */
export const parseWithSource = (text: string, make: (value: unknown, source: string) => unknown): unknown => {
  try {
    return exact.parse(text, (_, value, { source }) => (source === undefined ? value : make(value, source)))
  } catch {
    return undefined
  }
}

/** JSON to be written again, in which integers keep their digits; text that is no JSON, NaN among it, as text. */
export const parseExact = (text: string): unknown =>
  parseWithSource(text, (value, source) =>
    typeof value === 'number' && /^-?\d+$/.test(source) && !Number.isSafeInteger(value) ? exact.rawJSON(source) : value,
  ) ?? (text === 'null' ? null : text)
