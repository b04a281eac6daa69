import { grpcRequest, tabularInput } from '../infer-request.ts'
import { runGhz } from '../load/ghz.ts'
import { besideMlserver, comparedModel } from './beside-mlserver.ts'
import type { Scenario } from '../scenario.ts'

export const grpc: Scenario = {
  name: 'grpc',
  doc: 'gRPC with raw tensors over four connections beside MLServer: 64 floats in, 10 out',
  run: (context) =>
    besideMlserver('grpc', (server, load) => runGhz(grpcRequest(server, tabularInput(comparedModel)), load), context),
}
