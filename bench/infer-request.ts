import type { GhzRequest } from './load/ghz.ts'
import type { WrkRequest } from './load/wrk.ts'
import type { ServedModel } from './served-model.ts'

/** The single input of the bench's models. */
export interface BenchInput {
  readonly model: string
  readonly name: string
  readonly shape: readonly number[]
  readonly values: Float32Array<ArrayBuffer>
}

/** Fixed values in [0, 1) that don't shorten to round decimals, so that JSON is as long as real features are. */
export const sampleValues = (count: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: count }, (_, index) => ((index * 2654435761) % 4294967296) / 4294967296)

/** One row of 64 floats, for the bench's tabular models. */
export const tabularInput = (model: string): BenchInput => ({
  model,
  name: 'input',
  shape: [1, 64],
  values: sampleValues(64),
})

/** One float image. */
export const imageInput = (model: string): BenchInput => ({
  model,
  name: 'image',
  shape: [1, 3, 224, 224],
  values: sampleValues(3 * 224 * 224),
})

const inferUrl = (server: Pick<ServedModel, 'http'>, model: string): string => `${server.http}/v2/models/${model}/infer`

const bytesOf = (values: Float32Array): Buffer => Buffer.from(values.buffer, values.byteOffset, values.byteLength)

export const jsonRequest = (
  server: Pick<ServedModel, 'http'>,
  input: BenchInput,
): WrkRequest & { readonly body: Buffer } => ({
  url: inferUrl(server, input.model),
  headers: { 'content-type': 'application/json' },
  body: Buffer.from(
    JSON.stringify({
      inputs: [
        {
          name: input.name,
          shape: input.shape,
          datatype: 'FP32',
          // Seven digits name a 32-bit float, as clients in other languages write them.
          data: Array.from(input.values, (value) => Number(value.toPrecision(7))),
        },
      ],
    }),
  ),
})

/** The binary tensor extension both ways: the JSON head, then the tensor's bytes. */
export const binaryRequest = (
  server: Pick<ServedModel, 'http'>,
  input: BenchInput,
): WrkRequest & { readonly body: Buffer } => {
  const raw = bytesOf(input.values)
  const head = Buffer.from(
    JSON.stringify({
      inputs: [
        {
          name: input.name,
          shape: input.shape,
          datatype: 'FP32',
          parameters: { binary_data_size: raw.byteLength },
        },
      ],
      parameters: { binary_data_output: true },
    }),
  )
  return {
    url: inferUrl(server, input.model),
    headers: {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(head.byteLength),
    },
    body: Buffer.concat([head, raw]),
  }
}

export const grpcRequest = (server: ServedModel, input: BenchInput): GhzRequest => ({
  address: server.grpc,
  model: input.model,
  input: { name: input.name, datatype: 'FP32', shape: input.shape },
  raw: bytesOf(input.values),
})
