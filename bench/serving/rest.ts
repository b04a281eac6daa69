import { jsonRequest, tabularInput } from '../infer-request.ts'
import { runWrk } from '../load/wrk.ts'
import { besideMlserver, comparedModel } from './beside-mlserver.ts'
import type { Scenario } from '../scenario.ts'

export const rest: Scenario = {
  name: 'rest',
  doc: 'JSON over HTTP beside MLServer: 64 floats in, 10 out',
  run: (context) =>
    besideMlserver('rest', (server, load) => runWrk(jsonRequest(server, tabularInput(comparedModel)), load), context),
}
