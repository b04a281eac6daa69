import type { InferCall, InferReply } from '../../gateway/index.ts'
import type { Clock } from '../../lib/index.ts'
import type { ModelManager, ServedVersion } from '../../serving/index.ts'

/** A count and the nanoseconds it took in all. */
export interface StatisticDuration {
  count: number
  ns: number
}

interface BatchStatistics {
  count: number
  inputNs: number
  computeNs: number
  outputNs: number
}

interface BatchTimes {
  readonly rows: number
  readonly failed: boolean
  readonly inputMs: number
  readonly computeMs: number
  readonly outputMs: number
}

interface VersionStatistics {
  success: StatisticDuration
  fail: StatisticDuration
  queue: StatisticDuration
  input: StatisticDuration
  output: StatisticDuration
  compute: StatisticDuration
  rows: number
  executions: number
  lastInferenceMs: number
  readonly batches: Map<number, BatchStatistics>
}

/** One row of Triton's statistics extension, with its names; durations in ns. */
export interface StatisticsRow {
  readonly name: string
  readonly version: string
  readonly last_inference: number
  readonly inference_count: number
  readonly execution_count: number
  readonly inference_stats: Readonly<Record<string, StatisticDuration>>
  readonly response_stats: Readonly<Record<string, never>>
  readonly batch_stats: readonly {
    readonly batch_size: number
    readonly compute_input: StatisticDuration
    readonly compute_infer: StatisticDuration
    readonly compute_output: StatisticDuration
  }[]
  readonly memory_usage: readonly { readonly type: 'CPU'; readonly id: 0; readonly byte_size: number }[]
}

/** Batch sizes beyond this many different ones are not kept apart. */
const batchSizesMax = 1024
const nsPerMs = 1e6
const zero = (): StatisticDuration => ({ count: 0, ns: 0 })

/** Counts what Triton's statistics extension reports, per version in memory; a reload starts from zero. */
export class Statistics {
  readonly #versions = new WeakMap<ServedVersion, VersionStatistics>()
  readonly #models: ModelManager
  readonly #clock: Clock

  constructor(models: ModelManager, clock: Clock) {
    this.#models = models
    this.#clock = clock
  }

  answered(call: InferCall, reply: InferReply, elapsedMs: number): void {
    const entry = this.#of(call.model, reply.version)
    if (entry === undefined) return
    const { timing } = reply
    add(entry.success, elapsedMs)
    add(entry.queue, timing.queueMs)
    add(entry.input, timing.inputMs)
    add(entry.output, timing.outputMs)
    add(entry.compute, timing.computeMs)
    entry.rows += timing.batchRequests === 0 ? 0 : rowsOf(call, timing.batchRows)
    entry.lastInferenceMs = this.#clock.wallMs()
  }

  failed(call: InferCall, version: string, elapsedMs: number): void {
    const entry = this.#of(call.model, version)
    if (entry !== undefined) add(entry.fail, elapsedMs)
  }

  /** As Triton's, the counts of runs are of those that went well. */
  batchDone(version: ServedVersion, { rows, failed, inputMs, computeMs, outputMs }: BatchTimes): void {
    if (failed) return
    const entry = this.#entry(version)
    entry.executions += 1
    const batch = entry.batches.get(rows) ?? { count: 0, inputNs: 0, computeNs: 0, outputNs: 0 }
    batch.count += 1
    batch.inputNs += Math.round(inputMs * nsPerMs)
    batch.computeNs += Math.round(computeMs * nsPerMs)
    batch.outputNs += Math.round(outputMs * nsPerMs)
    if (entry.batches.size < batchSizesMax || entry.batches.has(rows)) entry.batches.set(rows, batch)
  }

  /** Rows of every version in memory, or of one model, or of one version. */
  rows(model?: string, version?: string): StatisticsRow[] {
    return this.#models
      .serving()
      .filter((served) => model === undefined || served.model === model)
      .filter((served) => version === undefined || version === '' || String(served.version) === version)
      .map((served) => row(served, this.#entry(served)))
  }

  #of(model: string, version: string): VersionStatistics | undefined {
    const served = this.#models.get(model, version)
    return served === undefined ? undefined : this.#entry(served)
  }

  #entry(version: ServedVersion): VersionStatistics {
    let entry = this.#versions.get(version)
    if (entry === undefined) {
      entry = {
        success: zero(),
        fail: zero(),
        queue: zero(),
        input: zero(),
        output: zero(),
        compute: zero(),
        rows: 0,
        executions: 0,
        lastInferenceMs: 0,
        batches: new Map(),
      }
      this.#versions.set(version, entry)
    }
    return entry
  }
}

const add = (statistic: StatisticDuration, durationMs: number): void => {
  statistic.count += 1
  statistic.ns += Math.round(durationMs * nsPerMs)
}

/** Rows of a request: its own when it was joined with others, else what its run had. */
const rowsOf = (call: InferCall, batchRows: number): number =>
  batchRows <= 1 ? 1 : Math.min(batchRows, call.inputs[0]?.shape[0] ?? 1)

const row = (served: ServedVersion, entry: VersionStatistics): StatisticsRow => ({
  name: served.model,
  version: String(served.version),
  last_inference: entry.lastInferenceMs,
  inference_count: entry.rows,
  execution_count: entry.executions,
  inference_stats: {
    success: entry.success,
    fail: entry.fail,
    queue: entry.queue,
    compute_input: entry.input,
    compute_infer: entry.compute,
    compute_output: entry.output,
    cache_hit: zero(),
    cache_miss: zero(),
  },
  response_stats: {},
  batch_stats: [...entry.batches].map(([batchSize, batch]) => ({
    batch_size: batchSize,
    compute_input: { count: batch.count, ns: batch.inputNs },
    compute_infer: { count: batch.count, ns: batch.computeNs },
    compute_output: { count: batch.count, ns: batch.outputNs },
  })),
  memory_usage: [
    { type: 'CPU', id: 0, byte_size: served.instances.reduce((sum, instance) => sum + instance.memoryBytes, 0) },
  ],
})
