import { SearchError, shown } from './search-error.ts'
import type { SearchEntity } from './search-filter.ts'
import type { AttributeRule, KeyedRule, SearchGrammar } from './search-grammar.ts'
import type { NameToken, StringToken } from './tokenize-filter.ts'

/** What a name in a search means: its entity and key, and the rule that says what may be done with it. */
export interface FoundRule {
  readonly entity: SearchEntity
  readonly key: string
  readonly rule: AttributeRule | KeyedRule
}

/** Names a list of allowed words in a message. */
export const listed = (words: readonly string[]): string => `[${words.map((word) => `'${word}'`).join(', ')}]`

/** Whether a name of this kind may be filtered on, or ordered by. */
export type SearchPurpose = 'filter' | 'order'

/**
 * Looks a name up in the grammar. Entities and attributes are spelled exactly, as in MLflow. Fails for an unknown entity
 * and an unknown key; a back-ticked `entity.key` as a whole is no entity.
 */
export function findRule(token: NameToken | StringToken, grammar: SearchGrammar, purpose: SearchPurpose): FoundRule {
  const first = token.kind === 'name' ? token.first : token.value
  const second = token.kind === 'name' ? token.second : undefined
  if (second === undefined) {
    const attribute = findAttribute(first, grammar, purpose)
    if (attribute) return attribute
    if (first.includes('.')) throw unknownEntity(first, grammar)
    throw unknownAttribute(first, grammar, purpose)
  }
  if (grammar.attributePrefixes.includes(first)) {
    const attribute = findAttribute(second, grammar, purpose)
    if (attribute) return attribute
    throw unknownAttribute(second, grammar, purpose)
  }
  const keyed = grammar.keyed.find((rule) => rule.prefixes.includes(first))
  if (!keyed) throw unknownEntity(first, grammar)
  if (keyed.keys && !keyed.keys.includes(second) && !startsKey(keyed, second)) {
    throw new SearchError(
      `Invalid ${keyed.prefixes[0]} key '${shown(second)}' specified. Valid keys are '${listed(keyed.keys)}'`,
    )
  }
  return { entity: keyed.entity, key: second, rule: keyed }
}

/** Whether the key is one of those that share a beginning, and has something behind it. */
const startsKey = ({ keyPrefix }: KeyedRule, key: string): boolean =>
  keyPrefix !== undefined && key.startsWith(keyPrefix) && key.length > keyPrefix.length

const allowed = (rule: AttributeRule, purpose: SearchPurpose): boolean => rule[purpose] !== false

function findAttribute(name: string, grammar: SearchGrammar, purpose: SearchPurpose): FoundRule | undefined {
  const rule = grammar.attributes.find(
    (candidate) => allowed(candidate, purpose) && (candidate.key === name || candidate.aliases?.includes(name)),
  )
  return rule && { entity: 'attribute', key: rule.key, rule }
}

function unknownEntity(name: string, grammar: SearchGrammar): SearchError {
  const valid = ['attribute', ...grammar.keyed.map((rule) => rule.prefixes[0])]
  return new SearchError(`Invalid entity type '${shown(name)}'. Valid values are ${listed(valid)}`)
}

function unknownAttribute(name: string, grammar: SearchGrammar, purpose: SearchPurpose): SearchError {
  const valid = grammar.attributes.filter((rule) => allowed(rule, purpose)).map((rule) => rule.key)
  return new SearchError(`Invalid attribute key '${shown(name)}' specified. Valid keys are '${listed(valid)}'`)
}
