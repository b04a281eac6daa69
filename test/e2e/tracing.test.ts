import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { addModel, inferBody, startTestApp } from '../../src/testing/index.ts'

interface OtlpSpan {
  readonly traceId: string
  readonly spanId: string
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
