import { credentials, loadPackageDefinition, Metadata } from '@grpc/grpc-js'
import type { Client, ClientUnaryCall, ServiceError } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import type { TestApp } from '../../src/testing/index.ts'

/** How a call ended; the metadata are those of the answer's beginning and of its end together. */
export interface GrpcAnswer {
  /** 0 for a good end. */
  readonly code: number
  readonly details: string
  readonly reply: unknown
  readonly metadata: Readonly<Record<string, unknown>>
}

export interface GrpcClient {
  call(method: string, request: object, metadata?: Readonly<Record<string, string>>): Promise<GrpcAnswer>
  /** One row of a value to a model of `jsModel`. */
  infer(model: string, value: number, extra?: object, metadata?: Readonly<Record<string, string>>): Promise<GrpcAnswer>
  close(): void
}

type Method = (
  request: object,
  metadata: Metadata,
  done: (error: ServiceError | null, reply: unknown) => void,
) => ClientUnaryCall

/** The inference service of a server, by the library that clients use. */
export const openGrpcClient = (app: TestApp): GrpcClient => {
  const definition = loadSync('inference.proto', { includeDirs: ['proto'], keepCase: true, longs: String })
  const { inference } = loadPackageDefinition(definition) as unknown as {
    inference: {
      GRPCInferenceService: new (address: string, options: unknown) => Client & Readonly<Record<string, Method>>
    }
  }
  const client = new inference.GRPCInferenceService(app.addresses.grpc, credentials.createInsecure())
  const call: GrpcClient['call'] = (method, request, given = {}) =>
    new Promise((resolve) => {
      const sent = new Metadata()
      for (const [name, value] of Object.entries(given)) sent.set(name, value)
      const received = new Metadata()
      let answer: unknown
      const running = client[method]?.call(client, request, sent, (_, reply) => (answer = reply))
      running?.on('metadata', (metadata) => received.merge(metadata))
      running?.on('status', ({ code, details, metadata }) => {
        received.merge(metadata)
        resolve({ code, details, reply: answer, metadata: received.getMap() })
      })
    })
  return {
    call,
    infer: (model, value, extra = {}, metadata = {}) =>
      call(
        'ModelInfer',
        {
          model_name: model,
          inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1], contents: { fp32_contents: [value] } }],
          ...extra,
        },
        metadata,
      ),
    close: () => client.close(),
  }
}
