import type { FoundRule } from './find-rule.ts'
import { SearchError, shown } from './search-error.ts'
import type { SearchScalar } from './search-filter.ts'
import { isKeyword, type TokenCursor } from './token-cursor.ts'
import type { FilterToken } from './tokenize-filter.ts'

/** Reads one value of the type that the key takes. Fails, with MLflow's sentences, for any other. */
export function readValue(tokens: TokenCursor, found: FoundRule): SearchScalar {
  const token = tokens.peek()
  if (!token || isKeyword(token) || token.kind === ')' || token.kind === ',' || token.kind === 'operator') {
    throw tokens.unexpected()
  }
  const value = found.rule.type === 'number' ? readNumber(token, found) : readText(token, found)
  tokens.next()
  return value
}

function readNumber(token: FilterToken, found: FoundRule): number {
  const written = token.kind === 'number' || ('quoted' in found.rule && token.kind === 'string')
  const value = written ? Number(token.kind === 'string' ? token.value : token.text) : Number.NaN
  if (Number.isFinite(value)) return value
  const wanted = found.entity === 'attribute' ? `numeric attribute: ${found.key}` : label(found)
  throw new SearchError(`Expected numeric value type for ${wanted}. Found ${shown(token.text)}`)
}

function readText(token: FilterToken, found: FoundRule): string {
  if (token.kind === 'string') return token.value
  const text = shown(token.text)
  if (token.kind === 'name') {
    throw new SearchError(
      `Parameter value is either not quoted or unidentified quote types used for string value ${text}. Use either single or double quotes.`,
    )
  }
  if (found.entity === 'attribute') {
    throw new SearchError(`Expected a quoted string value for attributes. Got value ${text}`)
  }
  if (found.entity === 'dataset') {
    throw new SearchError(`Expected a quoted string value for dataset attributes. Got value ${text}`)
  }
  throw new SearchError(`Expected a quoted string value for ${label(found)} (e.g. 'my-value'). Got value ${text}`)
}

const label = (found: FoundRule): string => ('prefixes' in found.rule ? found.rule.prefixes[0] : found.entity)

const listFault = 'While parsing a list in the query, expected a non-empty list of'

/** Reads `(value, value, …)`; a comma may end it, as in a Python tuple of one. Fails for an empty list. */
export function readList(tokens: TokenCursor, found: FoundRule): SearchScalar[] {
  const wanted = found.rule.type === 'number' ? 'numbers' : 'string values'
  if (!tokens.take('(')) throw tokens.unexpected()
  if (tokens.take(')')) throw new SearchError(`${listFault} ${wanted}, but got empty list`)
  const kind = found.rule.type === 'number' ? 'number' : 'string'
  const values: SearchScalar[] = []
  do {
    const token = tokens.peek()
    if (values.length > 0 && token?.kind === ')') break
    if (token?.kind !== kind)
      throw new SearchError(`${listFault} ${wanted}, but got ${shown(token?.text ?? 'its end')}`)
    values.push(readValue(tokens, found))
  } while (tokens.take(','))
  if (!tokens.take(')')) throw new SearchError(`${listFault} ${wanted}, but got ill-formed list.`)
  return values
}
