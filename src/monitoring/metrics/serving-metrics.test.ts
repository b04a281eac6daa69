import { describe, expect, it } from 'vitest'
import { metricTable } from './metric-table.ts'
import { MetricsRegistry } from './registry.ts'
import { ServingMetrics } from './serving-metrics.ts'

const open = (): { metrics: ServingMetrics; lines: () => string[] } => {
  const registry = new MetricsRegistry(metricTable)
  return {
    metrics: new ServingMetrics(registry),
    lines: () => registry.render(undefined).text.split('\n'),
  }
}
const version = { model: 'm', version: '1' }
const timing = { elapsedMs: 0.3, queueMs: 0.06, computeMs: 0.2, transferMs: 0.04, rows: 3 }

describe('serving metrics', () => {
  it('count an answer with its times in seconds and, for Triton, in microseconds', () => {
    const { metrics, lines } = open()
    metrics.answered({ ...version, protocol: 'http', timing })
    expect(lines()).toEqual(
      expect.arrayContaining([
        'slipway_requests_total{model="m",version="1",protocol="http",outcome="ok"} 1',
        'slipway_request_seconds_bucket{model="m",version="1",le="0.00025"} 0',
        'slipway_request_seconds_bucket{model="m",version="1",le="0.0005"} 1',
        'slipway_queue_seconds_bucket{model="m",version="1",le="0.0001"} 1',
        'nv_inference_request_success{model="m",version="1"} 1',
        'nv_inference_count{model="m",version="1"} 3',
        'nv_inference_request_duration_us{model="m",version="1"} 300',
        'nv_inference_queue_duration_us{model="m",version="1"} 60',
        'nv_inference_compute_input_duration_us{model="m",version="1"} 40',
        'nv_inference_compute_infer_duration_us{model="m",version="1"} 200',
        'nv_inference_compute_output_duration_us{model="m",version="1"} 0',
      ]),
    )
  })

  it('tell protocols apart', () => {
    const { metrics, lines } = open()
    for (const protocol of ['http', 'grpc', 'grpc']) metrics.answered({ ...version, protocol, timing })
    expect(lines()).toContain('slipway_requests_total{model="m",version="1",protocol="grpc",outcome="ok"} 2')
  })

  it.each([
    ['queue_full', 'REJECTED'],
    ['cancelled', 'CANCELED'],
    ['host_crashed', 'BACKEND'],
    ['invalid_tensor', 'OTHER'],
  ])("count the failure %s by who has to act, and as Triton's %s", (code, reason) => {
    const { metrics, lines } = open()
    metrics.failed({ ...version, protocol: 'grpc', code, category: 'client' })
    expect(lines()).toEqual(
      expect.arrayContaining([
        `slipway_requests_total{model="m",version="1",protocol="grpc",outcome="${code}"} 1`,
        `slipway_errors_total{model="m",version="1",category="client",code="${code}"} 1`,
        `nv_inference_request_failure{model="m",version="1",reason="${reason}"} 1`,
      ]),
    )
  })

  it('count batches with their rows and reason', () => {
    const { metrics, lines } = open()
    metrics.batchDone({ ...version, rows: 5, reason: 'full' })
    expect(lines()).toEqual(
      expect.arrayContaining([
        'slipway_batch_rows_bucket{model="m",version="1",le="4"} 0',
        'slipway_batch_rows_bucket{model="m",version="1",le="8"} 1',
        'slipway_batches_total{model="m",version="1",reason="full"} 1',
        'nv_inference_exec_count{model="m",version="1"} 1',
      ]),
    )
  })

  it('count restarts by reason and time loads', () => {
    const { metrics, lines } = open()
    metrics.hostRestarted({ ...version, reason: 'crash' })
    metrics.versionLoaded({ model: 'm', loadMs: 400 })
    expect(lines()).toContain('slipway_host_restarts_total{model="m",version="1",reason="crash"} 1')
    expect(lines()).toContain('slipway_model_load_seconds_sum{model="m"} 0.4')
  })

  it('show a version in one state at a time', () => {
    const { metrics, lines } = open()
    for (const state of ['loading', 'ready', 'unloading']) metrics.versionState({ ...version, state })
    expect(lines().filter((line) => line.startsWith('slipway_model_state'))).toEqual([
      'slipway_model_state{model="m",version="1",state="loading"} 0',
      'slipway_model_state{model="m",version="1",state="ready"} 0',
      'slipway_model_state{model="m",version="1",state="unloading"} 1',
    ])
    expect(lines()).toContain('slipway_version_ready{model="m",version="1"} 0')
  })

  it('forget a version that is gone, and count it from 0 when it comes back', () => {
    const { metrics, lines } = open()
    metrics.versionState({ ...version, state: 'ready' })
    metrics.answered({ ...version, protocol: 'http', timing })
    metrics.failed({ ...version, protocol: 'http', code: 'queue_full', category: 'infrastructure' })
    metrics.batchDone({ ...version, rows: 1, reason: 'idle' })
    metrics.hostRestarted({ ...version, reason: 'crash' })
    metrics.versionGone(version)
    expect(lines().filter((line) => line.includes('version="1"'))).toEqual([])
    metrics.answered({ ...version, protocol: 'http', timing })
    expect(lines()).toContain('nv_inference_request_success{model="m",version="1"} 1')
  })
})
