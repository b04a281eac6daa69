import { once } from 'node:events'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { EngineOrder } from './engine-time.ts'

// The engine alone, with the settings of Slipway's hosts: what no server around it can be faster than.
const [order] = (await once(process, 'message')) as [EngineOrder]
const session = await InferenceSession.create(order.file, {
  executionProviders: ['cpu'],
  graphOptimizationLevel: 'all',
  logSeverityLevel: 3,
  extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
})
const feeds = Object.fromEntries(
  order.inputs.map(({ name, shape, values }) => [
    name,
    values instanceof Float32Array ? new Tensor('float32', values, shape) : new Tensor('float64', values, shape),
  ]),
)
const times: number[] = []
for (let run = 0; run < order.runs; run++) {
  const startedAt = performance.now()
  await session.run(feeds)
  times.push(performance.now() - startedAt)
}
process.send?.(times, () => process.disconnect())
