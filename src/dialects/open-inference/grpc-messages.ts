import type { MethodDefinition, PackageDefinition } from '@grpc/proto-loader'
import { loadSync } from '@grpc/proto-loader'
import { assert, ProtobufReader, reasonOf } from '../../lib/index.ts'
import { fail } from '../../protocol/index.ts'

export interface MessageCodec {
  decode(bytes: Uint8Array): Readonly<Record<string, unknown>>
  encode(value: unknown): Uint8Array
}

/** Codecs of the messages that are not on the hot path, made from the .proto files when first needed. */
export class GrpcMessages {
  readonly #directory: string
  #definition: PackageDefinition | undefined

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Every service, also for reflection. */
  get definition(): PackageDefinition {
    this.#definition ??= loadSync(['inference.proto', 'health.proto'], {
      includeDirs: [this.#directory],
      keepCase: true,
      longs: String,
      enums: String,
      defaults: true,
    })
    return this.#definition
  }

  codec(service: string, method: string): MessageCodec {
    const methods = this.definition[service] as Readonly<Record<string, MethodDefinition<object, object>>> | undefined
    const found = methods?.[method]
    assert(found !== undefined, `the .proto files define ${service}/${method}`)
    return {
      decode(bytes) {
        try {
          checkFields(bytes)
          return found.requestDeserialize(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)) as Readonly<
            Record<string, unknown>
          >
        } catch (error) {
          throw fail('invalid_request', { reason: `the message is damaged: ${reasonOf(error)}` }, error)
        }
      },
      encode: (value) => found.responseSerialize(value as object),
    }
  }
}

/** None of these messages has nearly as many, the files of a load included. */
const fieldsMax = 10_000

/** Why: the decoder takes what comes, on the thread that serves everybody, and an empty field has two bytes. */
const checkFields = (bytes: Uint8Array): void => {
  const reader = new ProtobufReader(bytes, 0, bytes.length, { left: fieldsMax })
  while (reader.next()) reader.skip()
}
