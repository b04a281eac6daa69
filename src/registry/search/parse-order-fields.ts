import { orderTermsMax, orderedKey, type OrderTerm } from './parse-order-by.ts'
import { SearchError, shown } from './search-error.ts'
import type { SearchGrammar } from './search-grammar.ts'

/** One part of a logged-model search's order, as it stands in the request. */
export interface OrderField {
  readonly field_name: string
  readonly ascending?: boolean
  readonly dataset_name?: string
  readonly dataset_digest?: string
}

const fieldLengthMax = 1000

/**
 * Reads an order given as objects. `field_name` is an attribute or `metrics.<key>`, where the key is everything behind
 * the first dot and needs no quotes. Fails for any other field, for a digest without a name, and for more than 20.
 */
export function parseOrderFields(fields: readonly OrderField[], grammar: SearchGrammar): OrderTerm[] {
  if (fields.length > orderTermsMax) throw new SearchError(`More than ${orderTermsMax} order_by fields`)
  return fields.map((field) => parseField(field, grammar))
}

function parseField(field: OrderField, grammar: SearchGrammar): OrderTerm {
  const text = field.field_name.trim()
  if (text.length > fieldLengthMax || text.includes('\0')) {
    throw new SearchError(`Invalid order_by clause '${shown(text)}'. Could not be parsed.`)
  }
  const dot = text.indexOf('.')
  const name = { kind: 'name', quoted: false, text, at: 0 } as const
  const key = orderedKey(
    dot < 0 ? { ...name, first: text } : { ...name, first: text.slice(0, dot), second: unquoted(text.slice(dot + 1)) },
    grammar,
  )
  const ascending = field.ascending ?? true
  const { dataset_name: datasetName, dataset_digest: digest } = field
  if (!datasetName && digest) {
    throw new SearchError('`dataset_digest` can only be specified if `dataset_name` is also specified.')
  }
  if (!datasetName) return { ...key, ascending }
  if (key.entity !== 'metric') throw new SearchError(`Invalid order_by clause: '${shown(text)}' has no datasets`)
  return { ...key, ascending, dataset: { name: datasetName, ...(digest && { digest }) } }
}

function unquoted(key: string): string {
  return key.length > 2 && key.startsWith('`') && key.endsWith('`') ? key.slice(1, -1) : key
}
