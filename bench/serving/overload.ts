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
const batchRows = 4
const queueDepth = 64
const config = `max_batch_size: ${batchRows}
dynamic_batching { default_queue_policy { max_queue_size: ${queueDepth} } }
parameters { key: "intra_op_thread_count" value { string_value: "1" } }
`
const overload3 = 3
/** All that the server may do before a request that it took on is answered: the queue, the run under way, its own run. */
const answersInRow = queueDepth + 2 * batchRows

const perSecond = (result: LoadResult): number => succeeded(result) / (result.elapsedMs / 1000)

export const overload: Scenario = {
  name: 'overload',
  doc: 'Open loop at three times the capacity: good answers a second as a share of the peak, p99 of the admitted beside the bound that the queue sets',
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
    const rows: number[] = []
    const late: number[] = []
    let statuses: LoadResult['byStatus'] = {}
    for (let round = 1; round <= (context.quick ? 1 : 3); round++) {
      const peak = perSecond(await runLoad({ ...target, kind: 'closed', clients: 32 }))
      const result = await runLoad({
        ...target,
        kind: 'open',
        arrivals: 'poisson',
        rate: overload3 * peak,
        answersInRow,
      })
      if (result.unsent > 0) throw new Error(`the generator could not send ${result.unsent} requests`)
      statuses = result.byStatus
      peaks.push(peak)
      goods.push(perSecond(result))
      p99s.push(result.histogram.percentile(99))
      rows.push(result.pace.rows.percentile(99))
      late.push(result.pace.lateness.percentile(99))
      const [p99, row, lateness] = [p99s, rows, late].map((values) => numberText(values.at(-1) ?? 0))
      context.log(`round ${round}: peak ${numberText(peak)}/s, ${JSON.stringify(statuses)}`)
      context.log(`  p99 ${p99} ms, ${answersInRow} answers ${row} ms, sent up to ${lateness} ms late`)
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
      {
        id: 'overload.p99',
        text: 'p99 of the admitted',
        unit: 'ms',
        value: median(p99s),
        note: `counted from when each was due; ${roundsText(p99s)}`,
        target: { is: '<=', bound: median(rows) + median(late) },
      },
      {
        id: 'overload.rows',
        text: `p99 of the time for ${answersInRow} answers`,
        unit: 'ms',
        value: median(rows),
        note: `${queueDepth} in the queue and two batches of ${batchRows}; ${roundsText(rows)}`,
      },
      {
        id: 'overload.lateness',
        text: "p99 of the generator's lateness",
        unit: 'ms',
        value: median(late),
        note: roundsText(late),
      },
    ]
  },
}
