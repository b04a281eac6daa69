import { credentials, loadPackageDefinition, Metadata } from '@grpc/grpc-js'
import type { CallOptions, Client, ClientUnaryCall, ServiceError } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import type { Options } from '@grpc/proto-loader'
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

/** The inference service of a server, as the library that clients use makes it: a method by each name. */
export const inferenceClient = <M>(
  app: Pick<TestApp, 'addresses'>,
  options: Options = {},
): Client & Readonly<Record<string, M>> => {
  const definition = loadSync('inference.proto', { includeDirs: ['proto'], keepCase: true, longs: String, ...options })
  const { inference } = loadPackageDefinition(definition) as unknown as {
    inference: {
      GRPCInferenceService: new (address: string, options: unknown) => Client & Readonly<Record<string, M>>
    }
  }
  return new inference.GRPCInferenceService(app.addresses.grpc, credentials.createInsecure())
}

type UnaryMethod = (
  request: unknown,
  options: CallOptions,
  done: (error: ServiceError | null, reply: unknown) => void,
) => void
export type UnaryClient = ReturnType<typeof inferenceClient<UnaryMethod>>

/** Calls a method; rejects with the error that the library gives. */
export const unary = <R>(
  client: UnaryClient,
  method: string,
  request: unknown,
  options: CallOptions = {},
): Promise<R> =>
  new Promise((resolve, reject) => {
    client[method]?.call(client, request, options, (error, reply) =>
      error === null ? resolve(reply as R) : reject(error),
    )
  })

/** The same service, whose calls tell all of how they ended. */
export const openGrpcClient = (app: TestApp): GrpcClient => {
  const client = inferenceClient<Method>(app)
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
