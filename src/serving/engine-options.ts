import type { ModelConfig } from './model-config/model-config.ts'

/** Engine options of a model: its parameters, and what its instance groups and optimisation say, under the same names. */
export const engineOptions = (config: ModelConfig | undefined): Record<string, string> => {
  if (config === undefined) return {}
  const options: Record<string, string> = {}
  const level = config.optimization?.graphLevel
  if (level !== undefined) options['graph_optimization_level'] = String(level)
  const kinds = new Set(config.instanceGroups.map((group) => group.kind))
  if (kinds.has('KIND_GPU')) options['execution_provider'] = 'cuda'
  else if (kinds.has('KIND_CPU')) options['execution_provider'] = 'cpu'
  return { ...options, ...config.parameters }
}
