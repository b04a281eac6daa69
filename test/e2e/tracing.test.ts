import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { addModel, inferBody, startTestApp } from '../../src/testing/index.ts'
import { openGrpcClient } from './grpc-client.ts'

interface OtlpSpan {
  readonly traceId: string
  readonly spanId: string
  readonly kind: number
  readonly traceState?: string
  readonly parentSpanId?: string
  readonly name: string
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly status: { readonly code?: number; readonly message?: string }
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[]
}

const startCollector = async (): Promise<{ url: string; spans: OtlpSpan[]; headers: string[]; close(): void }> => {
  const spans: OtlpSpan[] = []
  const headers: string[] = []
  const server = createServer((request, response) => {
    headers.push(`${request.url ?? ''} ${request.headers['x-team'] as string}`)
    void json(request).then((body) => {
      const { resourceSpans } = body as { resourceSpans: { scopeSpans: { spans: OtlpSpan[] }[] }[] }
      spans.push(...resourceSpans.flatMap((resource) => resource.scopeSpans.flatMap((scope) => scope.spans)))
      response.setHeader('content-type', 'application/json')
      response.end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    headers,
    close: () => server.close(),
  }
}

describe('traces', () => {
  it("continue the caller's, show queue and run, and mark failures", async () => {
    const collector = await startCollector()
    const app = await startTestApp({
      models: { 'm/1/model.mjs': addModel(1) },
      flags: ['--tracing.otlp-endpoint', collector.url, '--tracing.otlp-headers', 'x-team=fraud'],
    })
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
    const infer = (body: unknown, traceparent: string): Promise<Response> =>
      app.fetch('/v2/models/m/infer', { method: 'POST', body: JSON.stringify(body), headers: { traceparent } })
    await infer(inferBody([1], { id: 'r1' }), `00-${traceId}-00f067aa0ba902b7-01`)
    await infer(inferBody([]), `00-${traceId.replace('4', '5')}-00f067aa0ba902b7-01`)
    await infer(
      { inputs: [{ name: 'wrong', datatype: 'FP32', shape: [1, 1], data: [1] }] },
      `00-${traceId.replace('4', '6')}-00f067aa0ba902b7-01`,
    )
    await infer(inferBody([1]), `00-${traceId.replace('4', '7')}-00f067aa0ba902b7-00`)
    await app.stop()
    collector.close()
    expect(new Set(collector.headers)).toEqual(new Set(['/v1/traces fraud']))
    const root = collector.spans.find((span) => span.traceId === traceId && span.name === 'infer m')
    expect(root).toMatchObject({ parentSpanId: '00f067aa0ba902b7' })
    expect(root?.attributes).toContainEqual({ key: 'slipway.request.id', value: { stringValue: 'r1' } })
    expect(root?.attributes).toContainEqual({ key: 'slipway.batch.rows', value: { intValue: 1 } })
    const children = collector.spans.filter((span) => span.parentSpanId === root?.spanId)
    expect(children.map((span) => span.name).sort()).toEqual(['compute', 'queue'])
    for (const child of children) {
      expect(BigInt(child.startTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(root?.startTimeUnixNano ?? 0))
      expect(BigInt(child.endTimeUnixNano)).toBeLessThanOrEqual(BigInt(root?.endTimeUnixNano ?? 0))
    }
    const failed = collector.spans.find((span) => span.traceId.startsWith('6'))
    expect(failed?.status).toEqual({ code: 2, message: 'invalid_tensor' })
    expect(
      collector.spans.some((span) => span.traceId.startsWith('7')),
      'a caller that is not sampled',
    ).toBe(false)
  })

  it("tell by which route or method a prediction came, and keep the caller's trace state", async () => {
    const collector = await startCollector()
    await using app = await startTestApp({
      models: { 'm/1/model.mjs': addModel(1) },
      flags: ['--tracing.otlp-endpoint', collector.url],
    })
    const traceIdOf = (digit: number): string => String(digit).repeat(32)
    const send = async (digit: number, path: string, body: unknown): Promise<void> => {
      const traceparent = `00-${traceIdOf(digit)}-00f067aa0ba902b7-01`
      const headers = { traceparent, tracestate: 'vendor=abc,other=1', 'content-type': 'application/json' }
      expect((await app.fetch(path, { method: 'POST', body: JSON.stringify(body), headers })).status).toBe(200)
    }
    const table = { dataframe_split: { columns: ['x'], data: [[1]] } }
    await send(1, '/v2/models/m/infer', inferBody([1]))
    await send(2, '/v2/models/m/versions/1/infer', inferBody([1]))
    await send(3, '/invocations', table)
    await send(4, '/api/slipway/v1/models/m/invocations', table)
    const client = openGrpcClient(app)
    const called = await client.infer('m', 1, {}, { traceparent: `00-${traceIdOf(5)}-00f067aa0ba902b7-01` })
    client.close()
    expect(called.code).toBe(0)
    await app.stop()
    collector.close()
    const servers = collector.spans.filter((span) => span.name === 'infer m')
    const attribute = (span: OtlpSpan | undefined, key: string): unknown =>
      span?.attributes.find((one) => one.key === key)?.value['stringValue']
    const ofTrace = (digit: number): OtlpSpan | undefined => servers.find((span) => span.traceId === traceIdOf(digit))
    expect([1, 2, 3, 4].map((digit) => attribute(ofTrace(digit), 'http.route'))).toEqual([
      '/v2/models/{model}/infer',
      '/v2/models/{model}/versions/{version}/infer',
      '/invocations',
      '/api/slipway/v1/models/{model}/invocations',
    ])
    expect(ofTrace(1)?.traceState).toBe('vendor=abc,other=1')
    expect(ofTrace(5)?.traceState).toBeUndefined()
    expect([attribute(ofTrace(5), 'rpc.system'), attribute(ofTrace(5), 'rpc.method')]).toEqual(['grpc', 'ModelInfer'])
    expect(servers.map((span) => span.kind)).toEqual(servers.map(() => 2))
  })

  it('to a collector that is not there neither fail nor hold up predictions, nor the stop', async () => {
    const app = await startTestApp({
      models: { 'm/1/model.mjs': addModel(1) },
      flags: ['--tracing.otlp-endpoint', 'http://127.0.0.1:9'],
    })
    for (let i = 0; i < 20; i++) expect((await app.post('/v2/models/m/infer', inferBody([i]))).status).toBe(200)
    const startedAt = performance.now()
    await app.stop()
    expect(performance.now() - startedAt).toBeLessThan(15_000)
  })
})
