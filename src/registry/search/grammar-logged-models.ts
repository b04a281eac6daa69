import { metricRule, paramRule, type SearchGrammar, tagRule } from './search-grammar.ts'

/** Search over logged models. Only attributes and metrics give an order. */
export const loggedModelsGrammar: SearchGrammar = {
  attributePrefixes: ['attribute', 'attributes', 'attr'],
  attributes: [
    { key: 'name', type: 'text', lists: true },
    { key: 'model_id', type: 'text', lists: true },
    { key: 'model_type', type: 'text', lists: true },
    { key: 'status', type: 'text', lists: true },
    { key: 'source_run_id', type: 'text', lists: true },
    { key: 'creation_timestamp', type: 'number', aliases: ['creation_time', 'creation_timestamp_ms'] },
    { key: 'last_updated_timestamp', type: 'number', aliases: ['last_updated_time', 'last_updated_timestamp_ms'] },
  ],
  keyed: [
    { ...metricRule, order: true },
    { ...paramRule, lists: true },
    { ...tagRule, lists: true },
  ],
}
