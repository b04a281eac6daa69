import { spanAttributes } from './trace.ts'

/** How the spans of other instrumentations say what MLflow's attributes say. */
interface Convention {
  readonly kind: string
  readonly types: ReadonlyMap<string, string>
  readonly inputTokens: string
  readonly outputTokens: string
  readonly totalTokens?: string
  readonly cacheReadTokens: string
  readonly cacheWriteTokens: readonly string[]
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly models: readonly string[]
  readonly provider: string
}

const same = (...names: readonly string[]): [string, string][] => names.map((name) => [name, name])

/** OpenInference (Arize) and OpenTelemetry's conventions for generative AI, in the order in which MLflow asks them. */
const conventions: readonly Convention[] = [
  {
    kind: 'openinference.span.kind',
    types: new Map(
      same('TOOL', 'CHAIN', 'LLM', 'RETRIEVER', 'EMBEDDING', 'AGENT', 'RERANKER', 'UNKNOWN', 'GUARDRAIL', 'EVALUATOR'),
    ),
    inputTokens: 'llm.token_count.prompt',
    outputTokens: 'llm.token_count.completion',
    totalTokens: 'llm.token_count.total',
    cacheReadTokens: 'llm.token_count.prompt_details.cache_read',
    cacheWriteTokens: ['llm.token_count.prompt_details.cache_write'],
    inputs: ['input.value'],
    outputs: ['output.value'],
    models: ['llm.response.model_name', 'llm.model_name', 'llm.request.model_name', 'embedding.model_name'],
    provider: 'llm.provider',
  },
  {
    kind: 'gen_ai.operation.name',
    types: new Map([
      ['chat', 'CHAT_MODEL'],
      ['create_agent', 'AGENT'],
      ['embeddings', 'EMBEDDING'],
      ['execute_tool', 'TOOL'],
      ['generate_content', 'LLM'],
      ['invoke_agent', 'AGENT'],
      ['text_completion', 'LLM'],
      ['response', 'LLM'],
    ]),
    inputTokens: 'gen_ai.usage.input_tokens',
    outputTokens: 'gen_ai.usage.output_tokens',
    cacheReadTokens: 'gen_ai.usage.cache_read.input_tokens',
    cacheWriteTokens: ['gen_ai.usage.cache_write.input_tokens', 'gen_ai.usage.cache_creation.input_tokens'],
    inputs: ['gen_ai.input.messages', 'gen_ai.tool.call.arguments'],
    outputs: ['gen_ai.output.messages', 'gen_ai.tool.call.result'],
    models: ['gen_ai.response.model', 'gen_ai.request.model'],
    provider: 'gen_ai.provider.name',
  },
]

/** The text that a JSON text holds; undefined for other values. */
export const textOf = (json: string | undefined): string | undefined => {
  if (json === undefined || !json.startsWith('"')) return undefined
  const value: unknown = JSON.parse(json)
  return typeof value === 'string' ? value : undefined
}

/** A count, given as a number or as text of one. */
const countOf = (json: string | undefined): number | undefined => {
  if (json === undefined) return undefined
  const value = Number(textOf(json) ?? json)
  return json !== '""' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

const firstOf = (attributes: ReadonlyMap<string, string>, names: readonly string[]): string | undefined => {
  for (const name of names) {
    const value = attributes.get(name)
    if (value !== undefined && value !== '""') return value
  }
  return undefined
}

const usageBy = (attributes: ReadonlyMap<string, string>, convention: Convention): string | undefined => {
  const input = countOf(attributes.get(convention.inputTokens))
  const output = countOf(attributes.get(convention.outputTokens))
  const given = convention.totalTokens === undefined ? undefined : countOf(attributes.get(convention.totalTokens))
  const total = given ?? (input !== undefined && output !== undefined ? input + output : undefined)
  if (input === undefined && output === undefined && total === undefined) return undefined
  return JSON.stringify({
    input_tokens: input,
    output_tokens: output,
    total_tokens: total,
    cache_read_input_tokens: countOf(attributes.get(convention.cacheReadTokens)),
    cache_creation_input_tokens: countOf(firstOf(attributes, convention.cacheWriteTokens)),
  })
}

const finders: readonly [string, (attributes: ReadonlyMap<string, string>, by: Convention) => string | undefined][] = [
  [spanAttributes.inputs, (attributes, by) => firstOf(attributes, by.inputs)],
  [spanAttributes.outputs, (attributes, by) => firstOf(attributes, by.outputs)],
  [spanAttributes.usage, usageBy],
  [spanAttributes.model, (attributes, by) => firstOf(attributes, by.models)],
  [spanAttributes.provider, (attributes, by) => firstOf(attributes, [by.provider])],
]

/** The attributes with MLflow's own added where the span says the same in another convention. */
export const withMlflowNames = (attributes: ReadonlyMap<string, string>): ReadonlyMap<string, string> => {
  const added = new Map<string, string>()
  const type = textOf(attributes.get(spanAttributes.type))
  for (const convention of conventions) {
    const kind = textOf(attributes.get(convention.kind))
    const known = kind === undefined ? undefined : convention.types.get(kind)
    if (known !== undefined && (type === undefined || type === 'UNKNOWN') && !added.has(spanAttributes.type))
      added.set(spanAttributes.type, JSON.stringify(known))
    for (const [name, find] of finders) {
      if (attributes.has(name) || added.has(name)) continue
      const value = find(attributes, convention)
      if (value !== undefined) added.set(name, value)
    }
  }
  return added.size === 0 ? attributes : new Map([...attributes, ...added])
}
