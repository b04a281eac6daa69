import { fixedCostModel } from '../../src/testing/index.ts'
import { succeeded } from '../../src/client/index.ts'
import type { LoadResult } from '../../src/client/index.ts'
import { jsonRequest, tabularInput } from '../infer-request.ts'
import { runLoad } from '../load/start-load.ts'
import { addVersion, writeConfig } from '../model-folder.ts'
import { startSlipway } from '../start-slipway.ts'
import { median, numberText, ratio, roundsText } from '../summary.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import type { Scenario } from '../scenario.ts'

/**
 * Small batches and one thread keep the model, not the load generator, the narrowest place: on two cores a model that
 * uses both would lose to the generator what it does not lose to the overload.
 */
const config = `max_batch_size: 4
dynamic_batching { default_queue_policy { max_queue_size: 64 } }
parameters { key: "intra_op_thread_count" value { string_value: "1" } }
`
const overload3 = 3

const perSecond = (result: LoadResult): number => succeeded(result) / (result.elapsedMs / 1000)

export const overload: Scenario = {
  name: 'overload',
  doc: 'Open loop at three times the capacity: good answers a second as a share of the peak, p99 of the admitted',
  async run(context) {
    const durationMs = context.quick ? 2000 : 10_000
    await using folder = await temporaryFolder()
    await addVersion(folder.path, 'fixed', 1, fixedCostModel())
    await writeConfig(folder.path, 'fixed', config)
    await using server = await startSlipway({ repository: folder.path, models: ['fixed'] })
    const target = { ...jsonRequest(server, tabularInput('fixed')), durationMs }
    const peaks: number[] = []
    const goods: number[] = []
    const p99s: number[] = []
    let statuses: LoadResult['byStatus'] = {}
    for (let round = 1; round <= (context.quick ? 1 : 3); round++) {
      const peak = perSecond(await runLoad({ ...target, kind: 'closed', clients: 32 }))
      const result = await runLoad({ ...target, kind: 'open', arrivals: 'poisson', rate: overload3 * peak })
      if (result.unsent > 0) throw new Error(`the generator could not send ${result.unsent} requests`)
      statuses = result.byStatus
      peaks.push(peak)
      goods.push(perSecond(result))
      p99s.push(result.histogram.percentile(99))
      context.log(`round ${round}: peak ${numberText(peak)}/s, ${JSON.stringify(statuses)}`)
    }
    const share = ratio(median(goods), median(peaks)) * 100
    const last = `last round's replies by status ${JSON.stringify(statuses)}`
    return [
      {
        id: 'overload.peak',
        text: 'peak, 32 clients',
        unit: 'requests/s',
        value: median(peaks),
        note: roundsText(peaks),
      },
      {
        id: 'overload.good',
        text: 'good answers at 3x',
        unit: 'requests/s',
        value: median(goods),
        note: roundsText(goods),
      },
      { id: 'overload.goodput', text: 'goodput of peak', unit: '%', value: share, note: last },
      { id: 'overload.p99', text: 'p99 of the admitted', unit: 'ms', value: median(p99s), note: roundsText(p99s) },
    ]
  },
}
