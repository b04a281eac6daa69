import { type SearchGrammar, tagRule } from './search-grammar.ts'

/** Search over registered models. */
export const registeredModelsGrammar: SearchGrammar = {
  attributePrefixes: ['attribute', 'attributes', 'attr'],
  attributes: [
    { key: 'name', type: 'text' },
    { key: 'creation_timestamp', type: 'number', filter: false },
    // MLflow's SQL store reads a bare `timestamp` as the time of the last change.
    { key: 'last_updated_timestamp', type: 'number', aliases: ['timestamp'], filter: false },
  ],
  keyed: [tagRule],
}
