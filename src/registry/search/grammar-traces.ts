import { type KeyedRule, type SearchGrammar, tagRule } from './search-grammar.ts'

const assessment = (entity: 'feedback' | 'expectation'): KeyedRule => ({
  entity,
  prefixes: [entity],
  type: 'text',
  ordersNumbers: true,
  nullTests: true,
})

/** Search over traces. `run_id`, `prompt` and `text` are looked for beside the trace. */
export const tracesGrammar: SearchGrammar = {
  attributePrefixes: ['attribute', 'attributes', 'trace'],
  attributes: [
    { key: 'request_id', type: 'text', lists: true, aliases: ['trace_id'] },
    { key: 'timestamp_ms', type: 'number', aliases: ['timestamp', 'request_time'] },
    { key: 'execution_time_ms', type: 'number', aliases: ['execution_time', 'execution_duration'] },
    { key: 'end_time_ms', type: 'number', aliases: ['end_time'] },
    { key: 'status', type: 'text', lists: true, aliases: ['state'] },
    { key: 'name', type: 'text', lists: true },
    { key: 'client_request_id', type: 'text', lists: true },
    { key: 'request_preview', type: 'text', order: false },
    { key: 'response_preview', type: 'text', order: false },
    { key: 'run_id', type: 'text', lists: true, order: false },
    { key: 'prompt', type: 'text', order: false },
    { key: 'text', type: 'text', order: false },
    { key: 'experiment_id', type: 'number', filter: false },
  ],
  keyed: [
    { ...tagRule, order: true },
    { entity: 'metadata', prefixes: ['request_metadata', 'metadata'], type: 'text', nullTests: true, order: true },
    {
      entity: 'span',
      prefixes: ['span'],
      type: 'text',
      keys: ['name', 'type', 'status', 'content'],
      keyPrefix: 'attributes.',
      lists: true,
    },
    assessment('feedback'),
    assessment('expectation'),
    { entity: 'issue', prefixes: ['issue'], type: 'text', keys: ['id'] },
  ],
}
