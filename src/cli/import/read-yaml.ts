import { isAlias, isMap, isNode, isScalar, isSeq, Lexer, parseDocument } from 'yaml'
import type { Document, Node, Scalar } from 'yaml'

/** Every scalar is text, as it is written: ids such as `2812e025` are no numbers. Null is undefined. */
export type YamlValue = string | undefined | readonly YamlValue[] | YamlFields
export interface YamlFields {
  readonly [name: string]: YamlValue
}

/** As JSON has it. */
export interface JsonFields {
  readonly [name: string]: unknown
}

/** The file is not what it should be; the sentence tells how. */
export class Unusable extends Error {
  override name = 'Unusable'
}

const depthMax = 20
/** Words and signs in one file: text is one, however long. MLflow's files have some hundred. */
const tokensMax = 20_000
/** Values in one file; aliases count with all that they stand for. */
const valuesMax = 100_000

/** Reads a file that MLflow wrote: a map. Throws Unusable. */
export const readYaml = (text: string): YamlFields => mapIn(parsed(text, 'failsafe'), scalarText) as YamlFields

/** As `readYaml`, with numbers, booleans and null, for what goes on as JSON. Throws Unusable. */
export const readYamlJson = (text: string): JsonFields => mapIn(parsed(text, 'core'), ({ value }) => value)

const mapIn = (document: Document, leafOf: (scalar: Scalar) => unknown): JsonFields => {
  const [error] = document.errors
  if (error !== undefined) throw new Unusable(`it is not YAML: ${error.message.split('\n')[0] ?? ''}`)
  let left = valuesMax
  const anchors = new Map<string, Node>()
  const valueOf = (node: unknown, depth: number): unknown => {
    left -= 1
    if (left < 0) throw new Unusable(`it holds more than ${valuesMax} values`)
    if (depth > depthMax) throw new Unusable(`it is nested deeper than ${depthMax} levels`)
    if (isAlias(node)) return valueOf(anchors.get(node.source), depth + 1)
    if (isNode(node) && 'anchor' in node && typeof node.anchor === 'string') anchors.set(node.anchor, node)
    if (isMap(node)) {
      const fields = node.items.map(({ key, value }) => [String(valueOf(key, depth + 1)), valueOf(value, depth + 1)])
      return Object.fromEntries(fields) as JsonFields
    }
    if (isSeq(node)) return node.items.map((item) => valueOf(item, depth + 1))
    return isScalar(node) ? leafOf(node) : undefined
  }
  const value = valueOf(document.contents, 0)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Unusable('it is not a map of fields')
  return value as JsonFields
}

const parsed = (text: string, schema: 'failsafe' | 'core'): Document => {
  // Why: the parser takes seconds for what is full of signs, and the lexer tells that at once.
  let tokens = 0
  for (const _ of new Lexer().lex(text))
    if ((tokens += 1) > tokensMax) throw new Unusable(`it has more than ${tokensMax} words and signs`)
  try {
    return parseDocument(text, { schema, prettyErrors: false, logLevel: 'silent', uniqueKeys: false })
  } catch (error) {
    // Why: text that opens thousands of brackets exhausts the stack of the parser.
    if (error instanceof RangeError) throw new Unusable('it is nested too deep')
    throw error
  }
}

const scalarText = ({ value, type }: { readonly value: unknown; readonly type?: unknown }): string | undefined => {
  const text = String(value)
  return type === 'PLAIN' && /^(?:|~|null|Null|NULL)$/.test(text) ? undefined : text
}

export const textField = (fields: YamlFields, name: string): string | undefined => {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined
  return typeof value === 'string' ? value : undefined
}

/** Throws Unusable when it is missing. */
export const requireText = (fields: YamlFields, name: string): string => {
  const text = textField(fields, name)
  if (text === undefined) throw new Unusable(`'${name}' is missing`)
  return text
}

/** Throws Unusable when it is there and no whole number. */
export const integerField = (fields: YamlFields, name: string): number | undefined => {
  const text = textField(fields, name)
  return text === undefined ? undefined : wholeNumber(text, name)
}

export const wholeNumber = (text: string, what: string): number => {
  const number = Number(text)
  if (/^-?\d{1,16}$/.test(text.trim()) && Number.isSafeInteger(number)) return number
  throw new Unusable(`'${what}' is no whole number: '${text.slice(0, 50)}'`)
}

/** The text fields of a map within. */
export const pairsField = (fields: YamlFields, name: string): { key: string; value: string }[] => {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined
  if (typeof value !== 'object' || Array.isArray(value)) return []
  return Object.entries(value as YamlFields).map(([key, text]) => ({
    key,
    value: typeof text === 'string' ? text : '',
  }))
}
