import { expect, it } from 'vitest'
import { Statistics } from '../dialects/open-inference/index.ts'
import type { InferCall } from '../gateway/index.ts'
import { Cancellation, silentLogger } from '../lib/index.ts'
import { PredictionLog } from '../monitoring/index.ts'
import { fail } from '../protocol/index.ts'
import type { ModelManager } from '../serving/index.ts'
import { VirtualClock } from '../testing/index.ts'
import { Observer } from './observe.ts'

it('makes the line of a failed prediction, and an id for it, only while the log takes more', async () => {
  const clock = new VirtualClock()
  const written: unknown[] = []
  const logger = { ...silentLogger, warn: (_: string, fields = {}) => void written.push(fields) }
  const log = new PredictionLog(logger, clock, { answeredRatio: 0 })
  const tracing = { record() {}, close: () => Promise.resolve() }
  const models = { get: () => undefined } as unknown as ModelManager
  const recorder = new Observer(clock, tracing, log).recorder(new Statistics(models, clock))
  let made = 0
  const call: InferCall = {
    model: 'm',
    version: undefined,
    id: '',
    /** Read for lines alone; without it an id is made. */
    get requestId() {
      made += 1
      return undefined
    },
    inputs: [],
    outputs: [],
    priority: 0,
    queueTimeoutMs: 0,
    timeoutMs: undefined,
    cancellation: new Cancellation(),
    protocol: 'http',
    route: '/v2/models/{model}/infer',
    traceparent: undefined,
    receivedAtMs: 0,
  }
  const flood = (): void => {
    for (let i = 0; i < 1000; i++) recorder.failed(call, '1', fail('queue_full', { model: 'm', depth: 9 }), 1)
  }
  flood()
  expect([made, written.length]).toEqual([5, 5])
  expect(written[0]).toMatchObject({ requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) as unknown })
  await clock.advance(1000)
  expect(written.at(-1)).toEqual({ model: 'm', code: 'queue_full', lines: 995 })
  flood()
  expect([made, written.length]).toEqual([10, 11])
})
