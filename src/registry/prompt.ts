import type { SearchComparison, SearchFilter } from './search/search-filter.ts'

/** Prompts are registered models with this tag; searches for models don't show them unless the filter speaks of it. */
export const promptTag = 'mlflow.prompt.is_prompt'

const ofPrompts = (comparison: SearchComparison): boolean => comparison.entity === 'tag' && comparison.key === promptTag

const isPrompt: SearchFilter = { kind: 'compare', entity: 'tag', key: promptTag, operator: '=', value: 'true' }
const isModel: SearchFilter = { kind: 'not', term: isPrompt }

const speaksOfPrompts = (filter: SearchFilter): boolean => {
  if (filter.kind === 'compare') return ofPrompts(filter)
  return filter.kind === 'not' ? speaksOfPrompts(filter.term) : filter.terms.some(speaksOfPrompts)
}

/** Models have no such tag, yet `!= 'true'` and `= 'false'` are how clients ask for them. */
const readAbsent = (filter: SearchFilter): SearchFilter => {
  if (filter.kind === 'not') return { kind: 'not', term: readAbsent(filter.term) }
  if (filter.kind !== 'compare') return { kind: filter.kind, terms: filter.terms.map(readAbsent) }
  if (!ofPrompts(filter)) return filter
  const { operator, value } = filter
  return (operator === '!=' && value === 'true') || (operator === '=' && value === 'false') ? isModel : filter
}

/** Hides prompts from a search that doesn't speak of them. */
export const withoutPrompts = (filter: SearchFilter): SearchFilter =>
  speaksOfPrompts(filter) ? readAbsent(filter) : { kind: 'and', terms: [filter, isModel] }
