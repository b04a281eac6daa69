import { imageModel } from '../../src/testing/index.ts'
import { engineTimeMs } from '../engine-time.ts'
import { binaryRequest, imageInput } from '../infer-request.ts'
import { runWrk } from '../load/wrk.ts'
import { addVersion } from '../model-folder.ts'
import { startSlipway } from '../start-slipway.ts'
import { median, roundsText } from '../summary.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import type { Scenario } from '../scenario.ts'

export const image: Scenario = {
  name: 'image',
  doc: 'A 3x224x224 float image by binary REST, one client: time above that of the bare engine',
  async run(context) {
    await using folder = await temporaryFolder()
    const file = await addVersion(folder.path, 'image', 1, imageModel())
    const input = imageInput('image')
    await using server = await startSlipway({ repository: folder.path, models: ['image'] })
    const request = binaryRequest(server, input)
    await runWrk(request, { clients: 1, seconds: 1 })
    const served: number[] = []
    const bare: number[] = []
    for (let round = 1; round <= (context.quick ? 1 : 5); round++) {
      const speed = await runWrk(request, { clients: 1, seconds: context.quick ? 1 : 3 })
      if (speed.failed > 0) throw new Error(`${speed.failed} of ${speed.count} requests failed`)
      served.push(speed.p50Ms)
      bare.push(await engineTimeMs({ inputs: [input], file, runs: 300 }))
      context.log(`round ${round}: ${speed.p50Ms} ms served`)
    }
    const [whole, engine] = [median(served), median(bare)]
    return [
      { id: 'image.p50', text: 'one image, p50', unit: 'ms', value: whole, note: roundsText(served) },
      { id: 'image.engine', text: 'the engine alone, p50', unit: 'ms', value: engine, note: roundsText(bare) },
      { id: 'image.above', text: 'above the engine', unit: 'ms', value: whole - engine },
    ]
  },
}
