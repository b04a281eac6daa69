import type { InferReply, ParameterValue } from '../../gateway/index.ts'
import { ProtobufWriter } from '../../lib/index.ts'

/** Encodes a ModelInferResponse; outputs always travel as raw contents, as Triton's clients expect. */
export const writeGrpcInferReply = (
  reply: Omit<InferReply, 'timing'>,
  parameters: Readonly<Record<string, ParameterValue>> = {},
): Uint8Array => {
  const writer = new ProtobufWriter(512)
  writeInferReply(writer, reply, parameters)
  return writer.finish()
}

const writeInferReply = (
  writer: ProtobufWriter,
  reply: Omit<InferReply, 'timing'>,
  parameters: Readonly<Record<string, ParameterValue>>,
): void => {
  writer.string(1, reply.model)
  writer.string(2, reply.version)
  if (reply.id !== '') writer.string(3, reply.id)
  for (const [key, value] of Object.entries(parameters)) {
    writer.message(4, (entry) => entry.string(1, key).message(2, (choice) => writeParameter(choice, value)))
  }
  for (const output of reply.outputs) {
    writer.message(5, (tensor) => tensor.string(1, output.name).string(2, output.datatype).packedInt64(3, output.shape))
  }
  for (const output of reply.outputs) writer.bytes(6, output.data)
}

const writeParameter = (choice: ProtobufWriter, value: ParameterValue): void => {
  if (typeof value === 'boolean') choice.bool(1, value)
  else if (typeof value === 'string') choice.string(3, value)
  else if (typeof value === 'bigint' || Number.isSafeInteger(value)) choice.int64(2, value)
  else choice.double(4, value)
}

/** A ModelStreamInferResponse with an answer. */
export const writeStreamReply = (reply: Uint8Array): Uint8Array =>
  new ProtobufWriter(reply.length + 16).bytes(2, reply).finish()

/** A ModelStreamInferResponse with an error; the answer in it carries the request's id and nothing else. */
export const writeStreamError = (message: string, id: string): Uint8Array => {
  const writer = new ProtobufWriter(256).string(1, message)
  if (id !== '') writer.message(2, (answer) => answer.string(3, id))
  return writer.finish()
}
