import { isMap, isScalar, Lexer, parseDocument, visit } from 'yaml'

/** YAML that can't be read, or that would cost more than its reader allows; the message says which. */
export class YamlError extends Error {
  override name = 'YamlError'
}

/**
 * Most tokens (keys, values, punctuation, line ends) and deepest nesting by brackets, or by marks on one line: what the
 * parser takes for a token is far more than its bytes, and it calls itself for every level. Both are known from the
 * tokens alone. Nesting by indentation takes bytes that grow with the square of its depth.
 */
const tokensMax = 50_000
const depthMax = 100
/** Most values that references stand for. */
const aliasesMax = 100

/** Reads text that somebody sent, in time and memory that don't grow beyond a bound whatever it holds. */
export const readYaml = (text: string): unknown => {
  requireModest(text)
  try {
    // Why: the parser compares every key of a map with every other one; `requireUnique` looks them up.
    const document = parseDocument(text, { schema: 'core', logLevel: 'silent', prettyErrors: false, uniqueKeys: false })
    const [error] = document.errors
    if (error !== undefined) throw new YamlError(`it is not YAML or JSON: ${error.message}`)
    visit(document, {
      Map(_, { items }) {
        requireUnique(items.map(({ key }) => key))
      },
    })
    return document.toJS({ maxAliasCount: aliasesMax })
  } catch (error) {
    if (error instanceof ReferenceError)
      throw new YamlError(
        /count/i.test(error.message) ? 'it refers to itself too often' : 'it refers to what it does not hold',
      )
    if (error instanceof RangeError) throw new YamlError('it nests too deeply')
    throw error
  }
}

const requireModest = (text: string): void => {
  let tokens = 0
  let depth = 0
  let marks = 0
  for (const token of new Lexer().lex(text)) {
    tokens += 1
    if (token === '[' || token === '{') depth += 1
    else if (token === ']' || token === '}') depth = Math.max(0, depth - 1)
    else if (token === '-' || token === '?' || token === ':') marks += depth === 0 ? 1 : 0
    else if (token.endsWith('\n')) marks = 0
    if (depth > depthMax || marks > depthMax) throw new YamlError(`it nests deeper than ${depthMax}`)
    if (tokens > tokensMax) throw new YamlError(`it has more than ${tokensMax} keys, values and marks`)
  }
}

const requireUnique = (keys: readonly unknown[]): void => {
  const seen = new Set<unknown>()
  for (const key of keys) {
    if (isMap(key)) throw new YamlError('a key is a map')
    const value = isScalar(key) ? String(key.value) : key
    if (seen.has(value)) throw new YamlError(`the key '${String(value).slice(0, 100)}' is there twice`)
    seen.add(value)
  }
}
