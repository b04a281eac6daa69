import { mlpModel } from '../../src/testing/index.ts'
import { freePort } from '../free-port.ts'
import { addVersion } from '../model-folder.ts'
import { startSlipway } from '../start-slipway.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { wait } from '../wait.ts'
import type { Scenario } from '../scenario.ts'
import { uninterrupted } from './uninterrupted.ts'

/** Both processes serve for a moment. */
const overlapMs = 300

export const restart: Scenario = {
  name: 'restart',
  doc: 'Failed requests during 10 restarts: a second process shares the port (SO_REUSEPORT) before the first gets SIGTERM',
  async run(context) {
    const restarts = context.quick ? 2 : 10
    await using folder = await temporaryFolder()
    await addVersion(folder.path, 'mlp', 1, mlpModel())
    const options = { repository: folder.path, models: ['mlp'], port: await freePort(), flags: ['--http.reuse-port'] }
    let current = await startSlipway(options)
    const run = async (): Promise<string> => {
      for (let turn = 1; turn <= restarts; turn++) {
        const next = await startSlipway(options)
        await wait(overlapMs)
        const old = current
        current = next
        const ended = await old.child.stop()
        await old[Symbol.asyncDispose]()
        if (ended !== 0) throw new Error(`SIGTERM ended a server with ${ended}, not 0`)
        context.log(`restart ${turn}`)
      }
      return `${restarts} restarts`
    }
    try {
      return await uninterrupted('restart', { server: current, countMin: context.quick ? 2000 : 100_000, run })
    } finally {
      await current[Symbol.asyncDispose]()
    }
  },
}
