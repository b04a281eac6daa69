import { metricRule, paramRule, type SearchGrammar, tagRule } from './search-grammar.ts'

/** Search over runs. */
export const runsGrammar: SearchGrammar = {
  attributePrefixes: ['attribute', 'attributes', 'attr', 'run'],
  attributes: [
    { key: 'run_id', type: 'text', lists: true },
    { key: 'run_name', type: 'text', aliases: ['run name', 'Run name', 'Run Name'] },
    { key: 'user_id', type: 'text' },
    { key: 'status', type: 'text' },
    { key: 'artifact_uri', type: 'text' },
    { key: 'start_time', type: 'number', aliases: ['created', 'Created'] },
    { key: 'end_time', type: 'number' },
  ],
  keyed: [
    { ...metricRule, order: true },
    { ...paramRule, order: true },
    { ...tagRule, order: true },
    {
      entity: 'dataset',
      prefixes: ['dataset', 'datasets'],
      type: 'text',
      keys: ['name', 'digest', 'context'],
      lists: true,
    },
  ],
}
