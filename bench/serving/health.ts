import { fixedCostModel, largeModel, mlpModel } from '../../src/testing/index.ts'
import { succeeded } from '../../src/client/index.ts'
import { engineTimeMs } from '../engine-time.ts'
import { jsonRequest, tabularInput } from '../infer-request.ts'
import { runLoad, startLoad } from '../load/start-load.ts'
import { loadModel, unloadModel } from '../model-control.ts'
import { addVersion, writeConfig } from '../model-folder.ts'
import type { ServedModel } from '../served-model.ts'
import { startSlipway } from '../start-slipway.ts'
import type { Figure } from '../summary.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { wait } from '../wait.ts'
import type { Scenario, ScenarioContext } from '../scenario.ts'

const probesPerSecond = 200
const slowMs = 200
const largeBytes = 200_000_000

/** p99 of liveness probes at a constant rate, counted from when each was due. */
const startProbes = (server: ServedModel, seconds: number): { readonly p99Ms: Promise<number> } => {
  const load = startLoad({
    kind: 'open',
    arrivals: 'constant',
    url: `${server.http}/v2/health/live`,
    rate: probesPerSecond,
    durationMs: seconds * 1000,
  })
  return {
    p99Ms: load.result.then((result) => {
      if (succeeded(result) < result.count) throw new Error(`probes failed: ${JSON.stringify(result.byStatus)}`)
      return result.histogram.percentile(99)
    }),
  }
}

/** Writes a model without batching that takes about 200 ms on this machine; gives its time in the bare engine. */
const addSlowModel = async (repository: string): Promise<number> => {
  const size = 1024
  const input = tabularInput('slow')
  await using trial = await temporaryFolder()
  const trialRounds = 4
  const file = await addVersion(trial.path, 'slow', 1, fixedCostModel({ size, rounds: trialRounds }))
  const trialMs = await engineTimeMs({ inputs: [input], file, runs: 10 })
  const rounds = Math.max(1, Math.round((slowMs / trialMs) * trialRounds))
  const slow = await addVersion(repository, 'slow', 1, fixedCostModel({ size, rounds }))
  await writeConfig(repository, 'slow', 'max_batch_size: 64\n')
  return engineTimeMs({ inputs: [input], file: slow, runs: 10 })
}

const whileSaturated = async (server: ServedModel, seconds: number): Promise<number> => {
  const load = { kind: 'closed', clients: 8, durationMs: (seconds + 1) * 1000 } as const
  const saturation = runLoad({ ...load, ...jsonRequest(server, tabularInput('slow')) })
  await wait(500)
  const { p99Ms } = startProbes(server, seconds)
  const [result, p99] = await Promise.all([saturation, p99Ms])
  if (succeeded(result) < result.count) throw new Error(`the slow model failed: ${JSON.stringify(result.byStatus)}`)
  return p99
}

const whileLoading = async (
  server: ServedModel,
  seconds: number,
  context: ScenarioContext,
): Promise<[number, number]> => {
  const probes = startProbes(server, seconds)
  const endAt = performance.now() + seconds * 1000
  let loads = 0
  while (performance.now() < endAt) {
    await loadModel(server, 'large')
    loads++
    await unloadModel(server, 'large')
  }
  context.log(`${loads} loads of 200 MB`)
  return [await probes.p99Ms, loads]
}

export const health: Scenario = {
  name: 'health',
  doc: 'p99 of liveness probes while a 200 ms model is saturated, and while a 200 MB model loads over and over',
  async run(context): Promise<Figure[]> {
    const seconds = context.quick ? 3 : 20
    await using folder = await temporaryFolder()
    await addVersion(folder.path, 'mlp', 1, mlpModel())
    await addVersion(folder.path, 'large', 1, largeModel(largeBytes))
    const runMs = await addSlowModel(folder.path)
    const flags = ['--model-control', 'explicit', '--load-model', 'mlp', '--load-model', 'slow']
    await using server = await startSlipway({ repository: folder.path, models: ['mlp', 'slow'], flags })
    const idle = await startProbes(server, context.quick ? 1 : 5).p99Ms
    const saturated = await whileSaturated(server, seconds)
    context.log(`saturated: p99 ${saturated.toFixed(2)} ms`)
    const [loading, loads] = await whileLoading(server, seconds, context)
    const engine = `one run takes ${runMs.toFixed(0)} ms in the engine alone; 8 clients`
    return [
      { id: 'health.idle', text: 'health p99, idle', unit: 'ms', value: idle },
      { id: 'health.saturated', text: 'health p99, slow model saturated', unit: 'ms', value: saturated, note: engine },
      { id: 'health.loading', text: 'health p99, 200 MB loading', unit: 'ms', value: loading, note: `${loads} loads` },
    ]
  },
}
