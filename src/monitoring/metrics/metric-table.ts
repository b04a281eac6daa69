import type { MetricRow } from './metric.ts'

/** Latencies in seconds: fine below a millisecond, where small models answer. */
const latencyBuckets = [
  0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
]
const batchBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
const loadBuckets = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]
const version = ['model', 'version'] as const

/** Every metric of the server. docs/reference/metrics.md is generated from this table. */
export const metricTable = {
  slipway_requests_total: {
    kind: 'counter',
    help: 'Predictions by protocol and outcome: ok, or the error code.',
    labels: [...version, 'protocol', 'outcome'],
  },
  slipway_request_seconds: {
    kind: 'histogram',
    help: 'Time from the arrival of a request to its answer, successful ones.',
    labels: version,
    buckets: latencyBuckets,
  },
  slipway_queue_seconds: {
    kind: 'histogram',
    help: 'Time that requests waited for a batch to leave.',
    labels: version,
    buckets: latencyBuckets,
  },
  slipway_compute_seconds: {
    kind: 'histogram',
    help: "Time of the engine's run, once for every request of the batch.",
    labels: version,
    buckets: latencyBuckets,
  },
  slipway_transfer_seconds: {
    kind: 'histogram',
    help: 'Time between the server and the host, both ways, with framing.',
    labels: version,
    buckets: latencyBuckets,
  },
  slipway_batch_rows: {
    kind: 'histogram',
    help: 'Rows of the batches that ran.',
    labels: version,
    buckets: batchBuckets,
  },
  slipway_batches_total: {
    kind: 'counter',
    help: 'Batches that ran, by why they left when they did.',
    labels: [...version, 'reason'],
  },
  slipway_queue_depth: { kind: 'gauge', help: 'Requests that wait now.', labels: version },
  slipway_in_flight: { kind: 'gauge', help: 'Requests that wait or run now.', labels: version },
  slipway_errors_total: {
    kind: 'counter',
    help: 'Failed predictions by who has to act: model, infrastructure or client.',
    labels: [...version, 'category', 'code'],
  },
  slipway_host_memory_bytes: { kind: 'gauge', help: 'Resident memory of the hosts of a version.', labels: version },
  slipway_host_crashes_total: { kind: 'counter', help: 'Hosts that ended without being told to.', labels: version },
  slipway_versions_quarantined_total: {
    kind: 'counter',
    help: 'Versions taken out of service for crashing again and again.',
    labels: version,
  },
  slipway_version_ready: { kind: 'gauge', help: '1 while the version serves, 0 otherwise.', labels: version },
  slipway_model_load_seconds: {
    kind: 'histogram',
    help: 'Time to load a version, warm-up included.',
    labels: ['model'],
    buckets: loadBuckets,
  },
  slipway_memory_budget_bytes: { kind: 'gauge', help: 'Memory that all hosts together may use.', labels: [] },
  slipway_memory_used_bytes: {
    kind: 'gauge',
    help: 'Resident memory of all hosts together, those that load or end included.',
    labels: [],
  },
  slipway_graph_cache_hits_total: {
    kind: 'counter',
    help: 'Loads of ONNX files from an optimised graph that was kept.',
    labels: [],
  },
  slipway_graph_cache_misses_total: {
    kind: 'counter',
    help: 'Loads of ONNX files whose optimised graph may be kept and was not there, or did not work.',
    labels: [],
  },
  slipway_graph_cache_bytes: { kind: 'gauge', help: 'Bytes of all optimised graphs that are kept.', labels: [] },
  slipway_http_connections: { kind: 'gauge', help: 'Open HTTP connections.', labels: [] },
  slipway_event_loop_lag_seconds: {
    kind: 'gauge',
    help: "99th percentile of the main thread's delays since the last scrape.",
    labels: [],
  },
  slipway_metrics_dropped_series_total: {
    kind: 'counter',
    help: 'Times that a series was not kept because its metric had too many.',
    labels: [],
  },
  process_resident_memory_bytes: { kind: 'gauge', help: 'Resident memory of the server process.', labels: [] },
  process_cpu_seconds_total: { kind: 'counter', help: 'User and system time of the server process.', labels: [] },
  process_start_time_seconds: { kind: 'gauge', help: 'Start of the process, Unix time.', labels: [] },
  process_open_fds: { kind: 'gauge', help: 'Open file descriptors, where the system tells.', labels: [] },
  nv_inference_request_success: { kind: 'counter', help: "Successful requests, under Triton's name.", labels: version },
  nv_inference_request_failure: {
    kind: 'counter',
    help: "Failed requests, under Triton's name.",
    labels: [...version, 'reason'],
  },
  nv_inference_count: { kind: 'counter', help: "Rows inferred, under Triton's name.", labels: version },
  nv_inference_exec_count: {
    kind: 'counter',
    help: "Batches that ran and did not fail, under Triton's name.",
    labels: version,
  },
  nv_inference_pending_request_count: {
    kind: 'gauge',
    help: "Requests that wait, under Triton's name.",
    labels: version,
  },
  nv_inference_request_duration_us: {
    kind: 'counter',
    help: "Time of requests in all, microseconds, under Triton's name.",
    labels: version,
  },
  nv_inference_queue_duration_us: {
    kind: 'counter',
    help: "Time in queues in all, microseconds, under Triton's name.",
    labels: version,
  },
  nv_inference_compute_infer_duration_us: {
    kind: 'counter',
    help: "Time of runs in all, microseconds, under Triton's name.",
    labels: version,
  },
  nv_inference_compute_input_duration_us: {
    kind: 'counter',
    help: "Time from the queue to the run in all, microseconds, under Triton's name.",
    labels: version,
  },
  nv_inference_compute_output_duration_us: {
    kind: 'counter',
    help: "Time from the run to the divided answer in all, microseconds, under Triton's name.",
    labels: version,
  },
} as const

void (metricTable satisfies Readonly<Record<string, MetricRow>>)

export type ServerMetrics = typeof metricTable
