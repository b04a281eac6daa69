import { mlpModel } from '../../src/testing/index.ts'
import { jsonRequest, tabularInput } from '../infer-request.ts'
import { loadModel, unloadModel } from '../model-control.ts'
import { addVersion } from '../model-folder.ts'
import { processMemory } from '../process-memory.ts'
import type { ProcessMemory } from '../process-memory.ts'
import { startSlipway } from '../start-slipway.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { wait } from '../wait.ts'
import type { Scenario } from '../scenario.ts'

const settleMs = 3000

export const reload: Scenario = {
  name: 'reload',
  doc: 'Memory of all processes after 500 times unloading and loading a model, each followed by an answer',
  async run(context) {
    const count = context.quick ? 20 : 500
    await using folder = await temporaryFolder()
    await addVersion(folder.path, 'mlp', 1, mlpModel())
    const flags = ['--model-control', 'explicit', '--load-model', 'mlp']
    await using server = await startSlipway({ repository: folder.path, models: ['mlp'], flags })
    const { url, ...request } = jsonRequest(server, tabularInput('mlp'))
    const answer = async (): Promise<void> => {
      const reply = await fetch(url, { method: 'POST', ...request })
      await reply.arrayBuffer()
      if (!reply.ok) throw new Error(`no answer after a load: ${reply.status}`)
    }
    const settled = async (): Promise<ProcessMemory> => {
      await wait(settleMs)
      return processMemory(server.pid)
    }
    await answer()
    const before = await settled()
    for (let turn = 1; turn <= count; turn++) {
      await unloadModel(server, 'mlp')
      await loadModel(server, 'mlp')
      await answer()
      if (turn % 100 === 0) context.log(`${turn} reloads`)
    }
    const after = await settled()
    const rss = `RSS ${before.rssMb.toFixed(0)} to ${after.rssMb.toFixed(0)} MB`
    return [
      { id: 'reload.before', text: 'PSS after the first answer', unit: 'MB', value: before.pssMb },
      { id: 'reload.after', text: `PSS after ${count} reloads`, unit: 'MB', value: after.pssMb, note: rss },
      { id: 'reload.growth', text: 'growth', unit: '%', value: (after.pssMb / before.pssMb - 1) * 100 },
    ]
  },
}
