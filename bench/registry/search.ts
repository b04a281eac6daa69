import type { Scenario } from '../scenario.ts'
import { median, roundsText } from '../summary.ts'
import type { Call } from './clients.ts'
import { ask, measure } from './clients.ts'
import { startRegistry } from './start-registry.ts'

const api = '/api/2.0/mlflow'
const runCount = 20_000

const searchCall = (): Call => ({
  method: 'POST',
  path: `${api}/runs/search`,
  body: JSON.stringify({
    experiment_ids: ['0'],
    filter: `metrics.auc > ${(0.5 + Math.random() / 2).toFixed(6)}`,
    order_by: ['metrics.auc DESC'],
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
  doc: 'The 100 best of 20,000 runs by a metric, above a bound that changes with every request',
  async run({ quick, log }) {
    const runs = quick ? 1000 : runCount
    await using server = await startRegistry()
    await fill(server.http, runs)
    log(`${runs} runs are there`)
    const p50: number[] = []
    for (let round = 1; round <= (quick ? 1 : 5); round++)
      p50.push((await measure(server.http, { clients: 1, ms: quick ? 500 : 3000 }, searchCall)).p50)
    return [
      { id: 'search.p50', text: 'run search by metric, p50', unit: 'ms', value: median(p50), note: roundsText(p50) },
    ]
  },
}
