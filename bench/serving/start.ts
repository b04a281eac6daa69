import { mlpModel } from '../../src/testing/index.ts'
import { untilReady } from '../child-server.ts'
import { freePort } from '../free-port.ts'
import { jsonRequest, tabularInput } from '../infer-request.ts'
import { addVersion } from '../model-folder.ts'
import { processMemory } from '../process-memory.ts'
import type { ProcessMemory } from '../process-memory.ts'
import { spawnSlipway } from '../start-slipway.ts'
import { median, roundsText } from '../summary.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { wait } from '../wait.ts'
import type { Scenario } from '../scenario.ts'

/** Long enough for what start left behind to be collected and for idle work to show. */
const settleMs = 3000

const startOnce = async (): Promise<{ readonly seconds: number; readonly memory: ProcessMemory }> => {
  await using folder = await temporaryFolder()
  await addVersion(folder.path, 'mlp', 1, mlpModel())
  await using data = await temporaryFolder()
  const port = await freePort()
  const { url, ...request } = jsonRequest({ http: `http://127.0.0.1:${port}` }, tabularInput('mlp'))
  const startedAt = performance.now()
  await using server = spawnSlipway({ repository: folder.path, port }, data.path)
  const answered = async (): Promise<boolean> => {
    const reply = await fetch(url, { method: 'POST', ...request })
    await reply.arrayBuffer()
    return reply.ok
  }
  await untilReady(server, answered, { pauseMs: 5 })
  const seconds = (performance.now() - startedAt) / 1000
  await wait(settleMs)
  return { seconds, memory: await processMemory(server.pid) }
}

export const start: Scenario = {
  name: 'start',
  doc: 'From the command `slipway up` with one model to its first answer, and the memory it then idles with',
  async run(context) {
    const runs: Awaited<ReturnType<typeof startOnce>>[] = []
    for (let round = 1; round <= (context.quick ? 1 : 5); round++) {
      const run = await startOnce()
      runs.push(run)
      context.log(`round ${round}: ${run.seconds.toFixed(2)} s, ${run.memory.pssMb.toFixed(0)} MB`)
    }
    const seconds = runs.map((run) => run.seconds)
    const processes = `${median(runs.map(({ memory }) => memory.processes))} processes`
    const pss = median(runs.map(({ memory }) => memory.pssMb))
    const rss = median(runs.map(({ memory }) => memory.rssMb))
    return [
      {
        id: 'start.answer',
        text: 'command to first answer',
        unit: 's',
        value: median(seconds),
        note: roundsText(seconds),
      },
      { id: 'start.pss', text: 'idle memory, PSS of all processes', unit: 'MB', value: pss, note: processes },
      { id: 'start.rss', text: 'idle memory, RSS of all processes', unit: 'MB', value: rss, note: processes },
    ]
  },
}
