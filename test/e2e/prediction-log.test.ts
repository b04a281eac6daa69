import { describe, expect, it } from 'vitest'
import { addModel, eventually, inferBody, obedientModel, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { openGrpcClient } from './grpc-client.ts'

const linesOf = (app: TestApp, event: string): TestApp['log'] => app.log.filter((line) => line.event === event)

const infer = (app: TestApp, model: string, body: object, headers: Record<string, string> = {}): Promise<Response> =>
  app.fetch(`/v2/models/${model}/infer`, { method: 'POST', headers, body: JSON.stringify(body) })

describe('the log tells of predictions', () => {
  it('that failed, with the id that the client gave, its trace and the reason; of others it says nothing', async () => {
    await using app = await startTestApp({ models: { 'bad/1/model.mjs': obedientModel() } })
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
    const traceparent = `00-${traceId}-00f067aa0ba902b7-01`
    expect((await infer(app, 'bad', inferBody([1]))).status).toBe(200)
    await infer(app, 'bad', { ...inferBody([670]), id: 'mine' }, { traceparent })
    const named = await infer(app, 'bad', inferBody([670]), { 'x-request-id': 'by-header' })
    expect(named.headers.get('x-request-id')).toBe('by-header')
    await infer(app, 'bad', inferBody([670]))
    const [first, second, third, ...more] = linesOf(app, 'prediction.failed').map(({ fields }) => fields)
    expect(more).toEqual([])
    expect(first).toMatchObject({
      requestId: 'mine',
      model: 'bad',
      version: '1',
      code: 'model_failed',
      reason: expect.stringContaining('no such customer') as unknown,
      elapsedMs: expect.any(Number) as unknown,
      traceId,
    })
    expect(second).toMatchObject({ requestId: 'by-header' })
    expect(third).toMatchObject({ requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) as unknown })
    expect(linesOf(app, 'prediction.answered')).toEqual([])
  })

  it('that came over gRPC, with the id in their metadata, which comes back with every answer', async () => {
    await using app = await startTestApp({ models: { 'bad/1/model.mjs': obedientModel() } })
    const client = openGrpcClient(app)
    const named = { 'x-request-id': 'by-metadata' }
    const echoed = { 'x-request-id': 'by-metadata' }
    expect(await client.infer('bad', 1, {}, named)).toMatchObject({ code: 0, metadata: echoed })
    expect(await client.infer('bad', 670, {}, named)).toMatchObject({ code: 13, metadata: echoed })
    expect(await client.infer('nope', 1, {}, named)).toMatchObject({ code: 5, metadata: echoed })
    expect(await client.call('ServerLive', {}, named)).toMatchObject({ code: 0, metadata: echoed })
    expect(await client.infer('bad', 670, { id: 'mine' }, named)).toMatchObject({ code: 13, metadata: echoed })
    // As over HTTP: what isn't plain text of a sane length stays here.
    for (const id of ['with space', 'x'.repeat(129)])
      expect((await client.infer('bad', 1, {}, { 'x-request-id': id })).metadata).not.toHaveProperty('x-request-id')
    client.close()
    expect(linesOf(app, 'prediction.failed').map(({ fields }) => fields['requestId'])).toEqual(['by-metadata', 'mine'])
    expect(linesOf(app, 'prediction.refused').map(({ fields }) => fields['requestId'])).toEqual(['by-metadata'])
  })

  it('that were inside a host when it crashed', async () => {
    await using app = await startTestApp({ models: { 'bad/1/model.mjs': obedientModel() } })
    await infer(app, 'bad', { ...inferBody([666]), id: 'the-one' })
    await eventually('the crash is logged', () => Promise.resolve(linesOf(app, 'host.crashed')[0]))
    expect(linesOf(app, 'host.crashed')[0]?.fields).toMatchObject({ requests: 1, requestIds: ['the-one'] })
  })

  it('that were answered, all or a share, where an option asks for it', async () => {
    await using app = await startTestApp({
      models: { 'm/1/model.mjs': addModel(1) },
      flags: ['--log.prediction-ratio', '0.5'],
    })
    for (let i = 0; i < 4; i++) await infer(app, 'm', { ...inferBody([1]), id: `r${i}` })
    expect(linesOf(app, 'prediction.answered').map(({ fields }) => fields['requestId'])).toEqual(['r1', 'r3'])
  })
})
