import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { mlpModel } from '../../src/testing/index.ts'
import { loadModel } from '../model-control.ts'
import { addVersion } from '../model-folder.ts'
import { startSlipway } from '../start-slipway.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { wait } from '../wait.ts'
import type { Scenario } from '../scenario.ts'
import { uninterrupted } from './uninterrupted.ts'

/** Spreads the swaps over the requests. */
const pauseMs = 100

export const swap: Scenario = {
  name: 'swap',
  doc: 'Failed requests during 100 replacements of a version by the next',
  async run(context) {
    const swaps = context.quick ? 5 : 100
    await using folder = await temporaryFolder()
    const model = mlpModel()
    await addVersion(folder.path, 'mlp', 1, model)
    const flags = ['--model-control', 'explicit', '--load-model', 'mlp']
    await using server = await startSlipway({ repository: folder.path, models: ['mlp'], flags })
    const run = async (): Promise<string> => {
      for (let version = 2; version <= swaps + 1; version++) {
        await addVersion(folder.path, 'mlp', version, model)
        await loadModel(server, 'mlp')
        await rm(join(folder.path, 'mlp', String(version - 1)), { recursive: true })
        await wait(pauseMs)
        if (version % 20 === 0) context.log(`version ${version}`)
      }
      await requireVersion(server.http, swaps + 1)
      return `${swaps} swaps`
    }
    // Without await the server would be stopped before the load ends.
    return await uninterrupted('swap', { server, countMin: context.quick ? 2000 : 100_000, run })
  },
}

/** Swaps that did not happen would fail no request. */
const requireVersion = async (http: string, version: number): Promise<void> => {
  const reply = await fetch(`${http}/v2/models/mlp/versions/${version}/ready`)
  await reply.arrayBuffer()
  if (!reply.ok) throw new Error(`version ${version} is not the one that serves: ${reply.status}`)
}
