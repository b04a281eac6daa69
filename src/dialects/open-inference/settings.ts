import { fail } from '../../protocol/index.ts'
import type { GrpcMethod, Route } from '../../protocol/index.ts'

interface Settings {
  readonly rpc: string
  readonly paths: readonly string[]
  readonly what: string
}

/**
 * Triton's settings of a running server. Here they are options of the start; clients that ask are told which, instead
 * of hearing that there is no such path or method.
 */
const settings: readonly Settings[] = [
  {
    rpc: 'TraceSetting',
    paths: ['/v2/trace/setting', '/v2/models/{model}/trace/setting'],
    what: 'reading or changing trace settings by request (traces go out by OpenTelemetry, set at the start: tracing.otlpEndpoint, tracing.sampleRatio)',
  },
  {
    rpc: 'LogSettings',
    paths: ['/v2/logging'],
    what: 'reading or changing log settings by request (the log is set at the start: log.level)',
  },
]

const refuse = ({ what }: Settings): never => {
  throw fail('unsupported', { what })
}

export const settingRoutes: readonly Route[] = settings.flatMap((each) =>
  each.paths.flatMap((path): Route[] => [
    { method: 'GET', path, needs: 'server.read', doc: 'Refused with 501.', handle: () => refuse(each) },
    { method: 'POST', path, needs: 'server.write', doc: 'Refused with 501.', handle: () => refuse(each) },
  ]),
)

export const settingMethods = (service: string): GrpcMethod[] =>
  settings.map((each) => ({
    service,
    method: each.rpc,
    needs: 'server.write',
    kind: 'unary',
    handle: async () => refuse(each),
  }))
