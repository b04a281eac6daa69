import type { Clock } from '../../lib/index.ts'
import { sleep } from '../../lib/index.ts'
import { fail } from '../../protocol/index.ts'
import type { GrpcCall, GrpcMethod } from '../../protocol/index.ts'

export interface GrpcHealthDeps {
  codec(
    service: string,
    method: string,
  ): {
    decode(bytes: Uint8Array): Readonly<Record<string, unknown>>
    encode(value: unknown): Uint8Array
  }
  /** Services that the server has. */
  readonly services: readonly string[]
  readonly clock: Clock
  ready(): boolean
}

const service = 'grpc.health.v1.Health'
/** How soon a watcher hears of a change. */
const lookMs = 250

/** gRPC's health checking protocol: SERVING once the server takes requests. */
export const grpcHealth = (deps: GrpcHealthDeps): GrpcMethod[] => {
  const asked = (method: string, bytes: Uint8Array): string =>
    String(deps.codec(service, method).decode(bytes)['service'] ?? '')
  const known = (name: string): boolean => name === '' || name === service || deps.services.includes(name)
  const status = (name: string): string =>
    known(name) ? (deps.ready() ? 'SERVING' : 'NOT_SERVING') : 'SERVICE_UNKNOWN'
  async function* watch(bytes: Uint8Array, call: GrpcCall): AsyncGenerator<Uint8Array> {
    const name = asked('Watch', bytes)
    let left = false
    call.onCancel(() => (left = true))
    let told = ''
    while (!left) {
      const now = status(name)
      if (now !== told) yield deps.codec(service, 'Watch').encode({ status: now })
      told = now
      await sleep(deps.clock, lookMs)
    }
  }
  return [
    {
      service,
      method: 'Check',
      needs: 'server.read',
      kind: 'unary',
      async handle(bytes) {
        const name = asked('Check', bytes)
        if (!known(name)) throw fail('service_unknown', { service: name.slice(0, 100) })
        return deps.codec(service, 'Check').encode({ status: status(name) })
      },
    },
    { service, method: 'Watch', needs: 'server.read', kind: 'watch', watch },
  ]
}
