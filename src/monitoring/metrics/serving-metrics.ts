import type { ServerMetrics } from './metric-table.ts'
import type { AnsweredTiming } from './prediction-metrics.ts'
import { PredictionMetrics } from './prediction-metrics.ts'
import type { MetricsRegistry } from './registry.ts'

export interface VersionLabels {
  readonly model: string
  readonly version: string
}

/** Every business event of serving as one method, which counts it. */
export class ServingMetrics {
  readonly #registry: MetricsRegistry<ServerMetrics>
  readonly #predictions: PredictionMetrics
  /** State of each version, to lower the gauge of the one it left. */
  readonly #states = new Map<string, string>()

  constructor(registry: MetricsRegistry<ServerMetrics>) {
    this.#registry = registry
    this.#predictions = new PredictionMetrics(registry)
  }

  answered(event: VersionLabels & { readonly protocol: string; readonly timing: AnsweredTiming }): void {
    this.#predictions.answered(event, event.timing)
  }

  /** Names that aren't served come with an empty model and version: names that clients make up must not become series. */
  failed(event: VersionLabels & { readonly protocol: string; readonly code: string; readonly category: string }): void {
    this.#predictions.failed(event, event)
  }

  batchDone(event: VersionLabels & { readonly rows: number; readonly reason: string }): void {
    this.#predictions.batchDone(event.model, event.version, event)
  }

  /** A host was started anew; `reason` is one of a closed set, never text of a host. */
  hostRestarted({ model, version, reason }: VersionLabels & { readonly reason: string }): void {
    this.#registry.series('slipway_host_restarts_total', { model, version, reason }).add(1)
  }

  /** The version is in this state from now on: its gauge becomes 1, that of the state before 0. */
  versionState({ model, version, state }: VersionLabels & { readonly state: string }): void {
    const key = versionKey(model, version)
    const before = this.#states.get(key)
    if (before !== undefined) this.#registry.series('slipway_model_state', { model, version, state: before }).set(0)
    this.#registry.series('slipway_model_state', { model, version, state }).set(1)
    this.#registry.series('slipway_version_ready', { model, version }).set(state === 'ready' ? 1 : 0)
    this.#states.set(key, state)
  }

  versionLoaded({ model, loadMs }: { readonly model: string; readonly loadMs: number }): void {
    this.#registry.histogram('slipway_model_load_seconds', { model }).observe(loadMs / 1000)
  }

  /** The version is unloaded: all its series end. */
  versionGone({ model, version }: VersionLabels): void {
    this.#states.delete(versionKey(model, version))
    this.#predictions.forget(model, version)
  }
}

const versionKey = (model: string, version: string): string => `${model}\u0000${version}`
