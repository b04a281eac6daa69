import { once } from 'node:events'
import { runClosedLoop } from '../../src/client/load/closed-loop.ts'
import { loadResultToData } from '../../src/client/load/load-result.ts'
import { runOpenLoop } from '../../src/client/load/open-loop.ts'
import { systemClock, systemRandom } from '../../src/lib/index.ts'
import type { LoadOrder } from './load-order.ts'
import type { MeasuredLoadData } from './measured-load.ts'
import { PaceTally } from './pace.ts'

// The generator has a process of its own, so that the bench's other work doesn't delay its sends.
const stop = new AbortController()
const [order] = (await once(process, 'message')) as [LoadOrder]
process.on('message', () => stop.abort())
// Without the bench nobody wants the result.
process.on('disconnect', () => process.exit())
const pace = new PaceTally(order.kind === 'open' ? (order.answersInRow ?? 0) : 0)
const common = { ...order, url: new URL(order.url), signal: stop.signal, clock: systemClock }
const result =
  order.kind === 'closed'
    ? await runClosedLoop({ ...common, clients: order.clients, countMin: order.countMin ?? 0 })
    : await runOpenLoop({
        ...common,
        rate: order.rate,
        arrivals: order.arrivals,
        random: systemRandom,
        observe: pace.observe,
      })
const measured: MeasuredLoadData = { result: loadResultToData(result), pace: pace.data() }
process.send?.(measured, () => process.exit())
