import { fail } from '../../protocol/index.ts'
import type { GrpcMethod } from '../../protocol/index.ts'

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
  ready(): boolean
}

const service = 'grpc.health.v1.Health'

/** gRPC's health checking protocol: SERVING once the server takes requests. */
export const grpcHealth = (deps: GrpcHealthDeps): GrpcMethod => ({
  service,
  method: 'Check',
  needs: 'server.read',
  streams: false,
  handle(bytes) {
    const codec = deps.codec(service, 'Check')
    const asked = String(codec.decode(bytes)['service'] ?? '')
    if (asked !== '' && !deps.services.includes(asked))
      return Promise.reject(fail('service_unknown', { service: asked.slice(0, 100) }))
    return Promise.resolve(codec.encode({ status: deps.ready() ? 'SERVING' : 'NOT_SERVING' }))
  },
})
