import { randomUUID } from 'node:crypto'
import type { InferCall, InferReply, PredictionRecorder } from '../gateway/index.ts'
import type { Clock } from '../lib/index.ts'
import type { Statistics } from '../dialects/open-inference/index.ts'
import { collectProcess, MetricsRegistry, metricTable, PredictionMetrics } from '../monitoring/index.ts'
import type { PredictionLog, ServerMetrics, TracedPrediction, Tracing } from '../monitoring/index.ts'
import { errorRow } from '../protocol/index.ts'
import type { AppError, Route } from '../protocol/index.ts'
import type { Serving, ServingEvents } from '../serving/index.ts'

/** What a version has only while it is in memory. */
const versionGauges = [
  'slipway_queue_depth',
  'nv_inference_pending_request_count',
  'slipway_in_flight',
  'slipway_host_memory_bytes',
] as const

/** Turns what happens in the server into metrics and statistics. */
export class Observer {
  readonly registry: MetricsRegistry<ServerMetrics> = new MetricsRegistry(metricTable)
  readonly #predictions = new PredictionMetrics(this.registry)
  #statistics: Statistics | undefined

  readonly #clock: Clock
  readonly #tracing: Tracing

  readonly #log: PredictionLog

  constructor(clock: Clock, tracing: Tracing, log: PredictionLog) {
    this.#log = log
    this.#clock = clock
    this.#tracing = tracing
    collectProcess(this.registry, clock)
  }

  /** What serving is given before the statistics, which need serving, exist. */
  readonly events: ServingEvents = {
    batchDone: (version, batch) => {
      this.#statistics?.batchDone(version, batch)
      this.#predictions.batchDone(version.model, String(version.version), batch)
    },
    hostCrashed: ({ model, version }) => {
      this.registry.series('slipway_host_crashes_total', { model, version: String(version) }).add(1)
    },
    quarantined: ({ model, version }) => {
      const labels = { model, version: String(version) }
      this.registry.series('slipway_versions_quarantined_total', labels).add(1)
      this.registry.series('slipway_version_ready', labels).set(0)
    },
    versionState: (model, version, state) => {
      const labels = { model, version: String(version) }
      this.registry.series('slipway_version_ready', labels).set(state === 'ready' ? 1 : 0)
      // Why: a scrape looks at what is in memory only.
      if (state === 'unavailable') for (const name of versionGauges) this.registry.series(name, labels).set(0)
    },
    versionLoaded: (version) => {
      this.registry
        .histogram('slipway_model_load_seconds', { model: version.model })
        .observe(version.facts.loadMs / 1000)
    },
    versionGone: (model, version) => this.#predictions.forget(model, String(version)),
  }

  recorder(statistics: Statistics): PredictionRecorder {
    this.#statistics = statistics
    return {
      answered: (call, reply, elapsedMs) => {
        statistics.answered(call, reply, elapsedMs)
        this.#predictions.answered(targetOf(call, reply.version), answeredTiming(call, reply, elapsedMs))
        if (this.#log.takesAnswered()) this.#log.answered(logged(call, reply.version, elapsedMs))
        this.#trace(call, reply.version, { elapsedMs, timing: reply.timing, error: undefined })
      },
      failed: (call, version, error, elapsedMs) => {
        statistics.failed(call, version, elapsedMs)
        const { code } = error
        const failure = { code, category: errorRow(code).category }
        this.#predictions.failed(failedTarget(call, version, error), failure)
        if (this.#log.takesFailed({ model: call.model, version }, failure))
          this.#log.failed(logged(call, version, elapsedMs, error), failure, error)
        this.#trace(call, version, { elapsedMs, timing: undefined, error: code })
      },
    }
  }

  #trace(
    call: InferCall,
    version: string,
    outcome: { readonly elapsedMs: number } & Pick<TracedPrediction, 'timing' | 'error'>,
  ): void {
    const endedAtMs = this.#clock.wallMs()
    const { model, id, protocol, route, traceparent, tracestate } = call
    const { elapsedMs, timing, error } = outcome
    this.#tracing.record({
      model,
      version,
      id,
      protocol,
      route,
      traceparent,
      tracestate,
      startedAtMs: endedAtMs - elapsedMs,
      endedAtMs,
      timing,
      error,
    })
  }

  /** Sets the gauges of the models at every scrape. */
  watch(serving: Serving, connections: () => number): void {
    this.registry.onCollect(() => {
      const bytesByVersion = serving.watch.memory.bytesByVersion()
      for (const version of serving.models.serving()) {
        const labels = { model: version.model, version: String(version.version) }
        this.registry.series('slipway_queue_depth', labels).set(version.queueDepth)
        this.registry.series('nv_inference_pending_request_count', labels).set(version.queueDepth)
        this.registry.series('slipway_in_flight', labels).set(version.outstanding)
        this.registry.series('slipway_host_memory_bytes', labels).set(bytesByVersion.get(version) ?? 0)
      }
      this.registry.series('slipway_memory_budget_bytes').set(serving.memoryBudgetBytes)
      this.registry.series('slipway_memory_used_bytes').set(serving.watch.memory.usedBytes())
      const graphs = serving.graphFigures
      this.registry.series('slipway_graph_cache_hits_total').set(graphs.hits)
      this.registry.series('slipway_graph_cache_misses_total').set(graphs.misses)
      this.registry.series('slipway_graph_cache_bytes').set(graphs.bytes)
      this.registry.series('slipway_http_connections').set(connections())
    })
  }

  get route(): Route {
    return {
      method: 'GET',
      path: '/metrics',
      needs: 'metrics.read',
      doc: 'Metrics in the Prometheus text format, or OpenMetrics when accepted.',
      handle: (exchange) => {
        const { contentType, text } = this.registry.render(exchange.header('accept'))
        return { status: 200, contentType, body: text }
      },
    }
  }
}

const targetOf = (call: InferCall, version: string): { model: string; version: string; protocol: string } => ({
  model: call.model,
  version,
  protocol: call.protocol,
})

/** A name that no model has is the caller's invention; it must not become a label. */
const failedTarget = (call: InferCall, version: string, error: AppError): ReturnType<typeof targetOf> =>
  error.code === 'model_not_found'
    ? { model: '', version: '', protocol: call.protocol }
    : error.code === 'version_not_found'
      ? targetOf(call, '')
      : targetOf(call, version)

/** A failure that told its caller an id is logged under that one. */
const logged = (
  call: InferCall,
  version: string,
  elapsedMs: number,
  error?: AppError,
): Parameters<PredictionLog['answered']>[0] => {
  const { model, protocol, traceparent } = call
  const told = error?.code === 'internal' ? String(error.details['requestId']) : call.id || call.requestId
  return { requestId: told || randomUUID(), model, version, protocol, traceparent, elapsedMs }
}

const answeredTiming = (
  call: InferCall,
  reply: InferReply,
  elapsedMs: number,
): Parameters<PredictionMetrics['answered']>[1] => ({
  elapsedMs,
  queueMs: reply.timing.queueMs,
  computeMs: reply.timing.computeMs,
  transferMs: reply.timing.transferMs,
  inputMs: reply.timing.inputMs,
  outputMs: reply.timing.outputMs,
  rows: reply.timing.batchRows <= 1 ? 1 : Math.min(reply.timing.batchRows, call.inputs[0]?.shape[0] ?? 1),
})
