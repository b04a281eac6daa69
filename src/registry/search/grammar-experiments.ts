import { type SearchGrammar, tagRule } from './search-grammar.ts'

/** Search over experiments. */
export const experimentsGrammar: SearchGrammar = {
  attributePrefixes: ['attribute', 'attributes', 'attr'],
  attributes: [
    { key: 'name', type: 'text' },
    { key: 'creation_time', type: 'number' },
    { key: 'last_update_time', type: 'number' },
    { key: 'experiment_id', type: 'number', filter: false },
  ],
  keyed: [tagRule],
}
