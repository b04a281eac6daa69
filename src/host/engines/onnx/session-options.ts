import { EngineError } from '../../engine.ts'

/** The part of onnxruntime-node's session options that Slipway sets. */
export interface SessionOptions {
  readonly executionProviders: readonly string[]
  readonly intraOpNumThreads: number
  readonly interOpNumThreads: number
  readonly executionMode: 'sequential' | 'parallel'
  readonly graphOptimizationLevel: 'disabled' | 'basic' | 'extended' | 'all'
  readonly enableCpuMemArena: boolean
  readonly enableMemPattern: boolean
  readonly logSeverityLevel: 3
  readonly extra: { readonly session: Readonly<Record<string, unknown>> }
}

const threadsMax = 1024

const threads = (options: Readonly<Record<string, string>>, key: string): number => {
  const text = options[key] ?? '0'
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0 || value > threadsMax) {
    throw new EngineError('model', `parameter ${key} must be a whole number from 0 to ${threadsMax}, not '${text}'`)
  }
  return value
}

/** The value of a parameter by its choices, of which the first is the default. A map, because objects put numeric names first. */
const choice = <T>(options: Readonly<Record<string, string>>, key: string, choices: ReadonlyMap<string, T>): T => {
  const [fallback = ''] = choices.keys()
  const text = options[key] ?? fallback
  const chosen = choices.get(text)
  if (chosen === undefined) {
    throw new EngineError('model', `parameter ${key} must be one of ${[...choices.keys()].join(', ')}, not '${text}'`)
  }
  return chosen
}

const flags: ReadonlyMap<string, boolean> = new Map([
  ['1', true],
  ['0', false],
  ['true', true],
  ['false', false],
])

const executionModes = new Map([
  ['0', 'sequential'],
  ['1', 'parallel'],
] as const)

/** By name, and by the numbers of Triton's `optimization.graph.level`. */
const optimizationLevels = new Map([
  ['all', 'all'],
  ['extended', 'extended'],
  ['basic', 'basic'],
  ['disabled', 'disabled'],
  ['0', 'all'],
  ['1', 'extended'],
  ['-1', 'basic'],
] as const)

/** Below this, waking a second thread costs more than a run. */
const smallModelBytes = 1024 * 1024

/**
 * Session options from a model's parameters, which carry the names of Triton's ONNX Runtime backend. `available` lists the execution providers that the
 * runtime has; `fileBytes` is the size of the model, weights included.
 */
export const sessionOptions = (
  options: Readonly<Record<string, string>>,
  { available, fileBytes }: { readonly available: readonly string[]; readonly fileBytes: number },
): SessionOptions => ({
  executionProviders: executionProviders(options['execution_provider'] ?? 'auto', available),
  intraOpNumThreads: threads(options, 'intra_op_thread_count') || (fileBytes < smallModelBytes ? 1 : 0),
  interOpNumThreads: threads(options, 'inter_op_thread_count'),
  executionMode: choice(options, 'execution_mode', executionModes),
  graphOptimizationLevel: choice(options, 'graph_optimization_level', optimizationLevels),
  enableCpuMemArena: choice(options, 'enable_mem_arena', flags),
  enableMemPattern: choice(options, 'enable_mem_pattern', flags),
  logSeverityLevel: 3,
  extra: {
    session: {
      // Why: spinning threads of idle models would take the cores that the busy ones and the server need.
      intra_op: { allow_spinning: (options['allow_spinning'] ?? '0') === '1' ? '1' : '0' },
      inter_op: { allow_spinning: '0' },
    },
  },
})

const executionProviders = (wanted: string, available: readonly string[]): string[] => {
  if (wanted === 'cpu') return ['cpu']
  const gpu = wanted === 'auto' ? available.find((name) => name === 'cuda') : wanted
  if (gpu === undefined) return ['cpu']
  if (!available.includes(gpu)) {
    throw new EngineError(
      'model',
      `execution provider '${gpu}' is not in this runtime, which has ${available.join(', ')}`,
    )
  }
  return [gpu, 'cpu']
}
