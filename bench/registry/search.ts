import type { Scenario } from '../scenario.ts'
import { median, roundsText } from '../summary.ts'
import type { Call } from './clients.ts'
import { ask, measure } from './clients.ts'
import { startRegistry } from './start-registry.ts'

const api = '/api/2.0/mlflow'
const runCount = 20_000

const searchCall = (ordered: boolean) => (): Call => ({
  method: 'POST',
  path: `${api}/runs/search`,
  body: JSON.stringify({
    experiment_ids: ['0'],
    filter: `metrics.auc > ${(0.5 + Math.random() / 2).toFixed(6)}`,
    ...(ordered ? { order_by: ['metrics.auc DESC'] } : {}),
    max_results: 100,
  }),
})

const fill = async (http: string, runs: number): Promise<void> => {
  const ids: string[] = []
  const create = async (): Promise<void> => {
    const body = JSON.stringify({ experiment_id: '0', start_time: 1 })
    const call = { method: 'POST', path: `${api}/runs/create`, body } as const
    ids.push((await ask<{ run: { info: { run_id: string } } }>(http, call)).run.info.run_id)
  }
  for (let made = 0; made < runs; made += 50) await Promise.all(Array.from({ length: 50 }, create))
  let at = 0
  await measure(http, { clients: 16, ms: 0, count: runs }, () => {
    const metrics = ['auc', 'loss', 'recall', 'precision', 'f1'].map((key) => ({
      key,
      value: Math.random(),
      timestamp: 1,
      step: 1,
    }))
    const body = JSON.stringify({ run_id: ids[at++ % ids.length], metrics, params: [{ key: 'depth', value: '3' }] })
    return { method: 'POST', path: `${api}/runs/log-batch`, body }
  })
}

export const search: Scenario = {
  name: 'search',
  doc: '100 of 20,000 runs by a metric above a bound that changes with every request',
  async run({ quick, log }) {
    const runs = quick ? 1000 : runCount
    await using server = await startRegistry()
    await fill(server.http, runs)
    log(`${runs} runs are there`)
    const [newest, best]: [number[], number[]] = [[], []]
    for (let round = 1; round <= (quick ? 1 : 5); round++) {
      const rounds = { clients: 1, ms: quick ? 500 : 3000 }
      newest.push((await measure(server.http, rounds, searchCall(false))).p50)
      best.push((await measure(server.http, rounds, searchCall(true))).p50)
    }
    return [
      { id: 'search.p50', text: 'the newest first, p50', unit: 'ms', value: median(newest), note: roundsText(newest) },
      { id: 'search.best', text: 'the best first, p50', unit: 'ms', value: median(best), note: roundsText(best) },
    ]
  },
}
