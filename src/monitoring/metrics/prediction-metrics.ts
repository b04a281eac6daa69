import type { MetricsRegistry } from './registry.ts'
import type { HistogramSeries, Series } from './metric.ts'
import type { ServerMetrics } from './metric-table.ts'

/** Where the time of an answered request went; ms. */
export interface AnsweredTiming {
  readonly elapsedMs: number
  readonly queueMs: number
  readonly computeMs: number
  readonly transferMs: number
  readonly inputMs: number
  readonly outputMs: number
  readonly rows: number
}

interface VersionSeries {
  readonly request: HistogramSeries
  readonly queue: HistogramSeries
  readonly compute: HistogramSeries
  readonly transfer: HistogramSeries
  readonly batchRows: HistogramSeries
  readonly success: Series
  readonly count: Series
  readonly executions: Series
  readonly requestUs: Series
  readonly queueUs: Series
  readonly computeUs: Series
  readonly inputUs: Series
  readonly outputUs: Series
  /** Answered requests by protocol. */
  readonly answered: Map<string, Series>
  /** Batches by why they were closed. */
  readonly batches: Map<string, Series>
}

/** Counts predictions and batches; the series of a version are bound once and forgotten when it is unloaded. */
export class PredictionMetrics {
  readonly #registry: MetricsRegistry<ServerMetrics>
  readonly #versions = new Map<string, VersionSeries>()

  constructor(registry: MetricsRegistry<ServerMetrics>) {
    this.#registry = registry
  }

  answered(
    target: { readonly model: string; readonly version: string; readonly protocol: string },
    timing: AnsweredTiming,
  ): void {
    const series = this.#of(target.model, target.version)
    this.#kept(series.answered, target.protocol, 'slipway_requests_total', () => ({ ...target, outcome: 'ok' })).add(1)
    series.request.observe(timing.elapsedMs / 1000)
    series.queue.observe(timing.queueMs / 1000)
    series.compute.observe(timing.computeMs / 1000)
    series.transfer.observe(timing.transferMs / 1000)
    series.success.add(1)
    series.count.add(timing.rows)
    series.requestUs.add(Math.round(timing.elapsedMs * 1000))
    series.queueUs.add(Math.round(timing.queueMs * 1000))
    series.computeUs.add(Math.round(timing.computeMs * 1000))
    series.inputUs.add(Math.round(timing.inputMs * 1000))
    series.outputUs.add(Math.round(timing.outputMs * 1000))
  }

  /** Failures of names that aren't served count under an empty model: names that clients make up must not become series. */
  failed(
    target: { readonly model: string; readonly version: string; readonly protocol: string },
    failure: { readonly code: string; readonly category: string },
  ): void {
    const { model, version } = target
    this.#registry.series('slipway_requests_total', { ...target, outcome: failure.code }).add(1)
    this.#registry.series('slipway_errors_total', { model, version, ...failure }).add(1)
    this.#registry.series('nv_inference_request_failure', { model, version, reason: tritonReason(failure.code) }).add(1)
  }

  batchDone(
    model: string,
    version: string,
    batch: { readonly rows: number; readonly reason: string; readonly failed: boolean },
  ): void {
    const series = this.#of(model, version)
    series.batchRows.observe(batch.rows)
    if (!batch.failed) series.executions.add(1)
    const { reason } = batch
    this.#kept(series.batches, reason, 'slipway_batches_total', () => ({ model, version, reason })).add(1)
  }

  forget(model: string, version: string): void {
    this.#versions.delete(`${model}\u0000${version}`)
    this.#registry.remove({ model, version })
  }

  /** A series that is bound when it is first counted. */
  #kept(
    bound: Map<string, Series>,
    key: string,
    name: keyof ServerMetrics,
    labels: () => Readonly<Record<string, string>>,
  ): Series {
    let series = bound.get(key)
    if (series === undefined) {
      series = this.#registry.series(name, labels())
      bound.set(key, series)
    }
    return series
  }

  #of(model: string, version: string): VersionSeries {
    const key = `${model}\u0000${version}`
    let series = this.#versions.get(key)
    if (series === undefined) {
      const labels = { model, version }
      const registry = this.#registry
      series = {
        request: registry.histogram('slipway_request_seconds', labels),
        queue: registry.histogram('slipway_queue_seconds', labels),
        compute: registry.histogram('slipway_compute_seconds', labels),
        transfer: registry.histogram('slipway_transfer_seconds', labels),
        batchRows: registry.histogram('slipway_batch_rows', labels),
        success: registry.series('nv_inference_request_success', labels),
        count: registry.series('nv_inference_count', labels),
        executions: registry.series('nv_inference_exec_count', labels),
        requestUs: registry.series('nv_inference_request_duration_us', labels),
        queueUs: registry.series('nv_inference_queue_duration_us', labels),
        computeUs: registry.series('nv_inference_compute_infer_duration_us', labels),
        inputUs: registry.series('nv_inference_compute_input_duration_us', labels),
        outputUs: registry.series('nv_inference_compute_output_duration_us', labels),
        answered: new Map(),
        batches: new Map(),
      }
      this.#versions.set(key, series)
    }
    return series
  }
}

/** Triton's four reasons of failure. */
const tritonReason = (code: string): string => {
  if (code === 'queue_full' || code === 'queue_timeout' || code === 'deadline_exceeded') return 'REJECTED'
  if (code === 'cancelled') return 'CANCELED'
  return code === 'model_failed' || code === 'host_crashed' ? 'BACKEND' : 'OTHER'
}
