import { type SearchGrammar, tagRule } from './search-grammar.ts'

/** Search over the versions of all registered models. */
export const modelVersionsGrammar: SearchGrammar = {
  attributePrefixes: ['attribute', 'attributes', 'attr'],
  attributes: [
    { key: 'name', type: 'text' },
    { key: 'version_number', type: 'number', quoted: true },
    { key: 'run_id', type: 'text', lists: true, order: false },
    { key: 'source_path', type: 'text', order: false },
    { key: 'creation_timestamp', type: 'number', filter: false },
    { key: 'last_updated_timestamp', type: 'number', filter: false },
  ],
  keyed: [tagRule],
}
