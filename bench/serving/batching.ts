import { fixedCostModel } from '../../src/testing/index.ts'
import { jsonRequest, tabularInput } from '../infer-request.ts'
import { runWrk } from '../load/wrk.ts'
import { addVersion, writeConfig } from '../model-folder.ts'
import { startSlipway } from '../start-slipway.ts'
import { median, ratio, roundsText } from '../summary.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import type { Scenario } from '../scenario.ts'

const clients = 32
const configs = { batched: 'max_batch_size: 32\ndynamic_batching { }\n', single: 'max_batch_size: 32\n' } as const

export const batching: Scenario = {
  name: 'batching',
  doc: 'A model with a fixed cost a run, dynamic batching on and off, 32 clients',
  async run(context) {
    await using folder = await temporaryFolder()
    const names = ['batched', 'single'] as const
    for (const name of names) {
      await addVersion(folder.path, name, 1, fixedCostModel())
      await writeConfig(folder.path, name, configs[name])
    }
    await using server = await startSlipway({ repository: folder.path, models: names })
    const rounds = { batched: [] as number[], single: [] as number[] }
    for (let round = 1; round <= (context.quick ? 1 : 5); round++) {
      for (const name of names) {
        const speed = await runWrk(jsonRequest(server, tabularInput(name)), { clients, seconds: context.quick ? 1 : 4 })
        if (speed.failed > 0) throw new Error(`${name}: ${speed.failed} of ${speed.count} requests failed`)
        context.log(`round ${round} ${name}: ${speed.perSecond.toFixed(0)}/s`)
        rounds[name].push(speed.perSecond)
      }
    }
    const [on, off] = [median(rounds.batched), median(rounds.single)]
    return [
      { id: 'batching.on', text: 'batching on', unit: 'requests/s', value: on, note: roundsText(rounds.batched) },
      { id: 'batching.off', text: 'batching off', unit: 'requests/s', value: off, note: roundsText(rounds.single) },
      { id: 'batching.gain', text: 'on : off', unit: 'times', value: ratio(on, off) },
    ]
  },
}
