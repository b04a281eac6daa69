import type { Scenario } from '../scenario.ts'
import { numberText, roundsText } from '../summary.ts'
import { measure } from './clients.ts'
import { writes } from './operations.ts'
import { createRun, startRegistry } from './start-registry.ts'

const batchesOfPart = 1000
const parts = 8

export const points: Scenario = {
  name: 'points',
  doc: '8 million points of metrics over 80 runs, in batches of 1000',
  async run({ quick, log }) {
    await using server = await startRegistry()
    const batch = writes.find(({ id }) => id === 'batch')
    if (batch === undefined) throw new Error('there is no operation for batches')
    const rates: number[] = []
    let count = 0
    for (let part = 0; part < (quick ? 2 : parts); part++) {
      const runs = await Promise.all(Array.from({ length: 10 }, () => createRun(server.http)))
      const next = (): ReturnType<typeof batch.next> => batch.next(runs[count % runs.length] ?? '', count++)
      const { perSecond } = await measure(server.http, { clients: 4, ms: 0, count: quick ? 50 : batchesOfPart }, next)
      rates.push(perSecond * 1000)
      log(`million ${part + 1}: ${numberText(perSecond * 1000)} points a second`)
    }
    const [first = NaN, last = NaN] = [rates[0], rates.at(-1)]
    return [
      {
        id: 'points.rate',
        text: 'points a second, the last million',
        unit: 'points/s',
        value: last,
        note: roundsText(rates),
      },
      { id: 'points.slowdown', text: 'rate of the last million : the first', unit: 'times', value: last / first },
    ]
  },
}
