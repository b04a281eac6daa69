import type { DataType, Tensor } from '../tensor/index.ts'
import { datatypes } from '../tensor/index.ts'

/**
 * Frames between the server and a model host, little-endian, over one unix socket:
 *
 *   u32 length of what follows | u8 kind | u8×3 zero | u32 call id | payload
 *
 * Control payloads are JSON. Run and result payloads are tensors: u32 metadata bytes, metadata, padding to 8, then
 * each tensor's bytes padded to 8, so that the receiver can view them as typed arrays without a copy.
 * Where a run names the outputs that are wanted, a result may say how they were laid out (see serving's predictions.ts).
 * Both ends are the same version of this package, so the layout carries no version.
 */
export const frameKinds = {
  /** host → server: the process is up. */
  hello: 1,
  /** server → host: load a model. JSON LoadOrder. */
  load: 2,
  /** host → server: loaded. JSON LoadReport. */
  loaded: 3,
  /** host → server: the load or the run failed. JSON HostFailure. */
  failed: 4,
  /** server → host: run once. Tensors. */
  run: 5,
  /** host → server: the outputs of a run. Tensors, preceded by the run's duration. */
  result: 6,
  /** host → server: a log line of the model. JSON { level, text }. */
  log: 7,
} as const

export type FrameKind = (typeof frameKinds)[keyof typeof frameKinds]

export const frameHeaderBytes = 12
/** One frame holds one batch; two gigabytes is also the largest message of gRPC. */
export const frameBytesMax: number = 2 ** 31 - 1

export interface Frame {
  readonly kind: FrameKind
  readonly id: number
  readonly payload: Uint8Array
}

/** A tensor whose bytes lie in several pieces, in order: a batch is sent without joining its requests' buffers. */
export interface ScatteredTensor {
  readonly name: string
  readonly datatype: DataType
  readonly shape: readonly number[]
  readonly pieces: readonly Uint8Array[]
}

/** Frames up to this size are sent in one piece: copying costs less than a write of several. */
const copyBytesMax = 16 * 1024

const padding = new Uint8Array(8)
const pad8 = (bytes: number): number => (8 - (bytes % 8)) % 8

const frameHeader = (kind: FrameKind, id: number, payloadBytes: number): Buffer => {
  const header = Buffer.allocUnsafe(frameHeaderBytes)
  header.writeUInt32LE(payloadBytes + frameHeaderBytes - 4, 0)
  header.writeUInt32LE(kind, 4)
  header.writeUInt32LE(id, 8)
  return header
}

/** A control frame. */
export const jsonFrame = (kind: FrameKind, id: number, value: unknown): Buffer => {
  const payload = Buffer.from(JSON.stringify(value))
  return Buffer.concat([frameHeader(kind, id, payload.length), payload])
}

export const readJsonPayload = (payload: Uint8Array): unknown =>
  JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8'))

/**
 * The pieces of a run or result frame, to be written in order. `number` is a scalar that travels along: the maximum
 * run time of a run, the run's duration of a result (both ms).
 */
export const tensorFrame = (
  kind: FrameKind,
  id: number,
  body: { readonly number: number; readonly wanted: readonly string[]; readonly tensors: readonly ScatteredTensor[] },
): Uint8Array[] => {
  const metadata = encodeMetadata(body)
  const gap = pad8(4 + metadata.length)
  const pieces: Uint8Array[] = []
  let payloadBytes = 4 + metadata.length + gap
  for (const tensor of body.tensors) {
    let bytes = 0
    for (const piece of tensor.pieces) {
      pieces.push(piece)
      bytes += piece.length
    }
    const after = pad8(bytes)
    if (after > 0) pieces.push(padding.subarray(0, after))
    payloadBytes += bytes + after
  }
  const head = Buffer.allocUnsafe(frameHeaderBytes + 4 + metadata.length + gap)
  frameHeader(kind, id, payloadBytes).copy(head)
  head.writeUInt32LE(metadata.length, frameHeaderBytes)
  head.set(metadata, frameHeaderBytes + 4)
  head.fill(0, frameHeaderBytes + 4 + metadata.length)
  pieces.unshift(head)
  const frameBytes = frameHeaderBytes + payloadBytes
  return frameBytes <= copyBytesMax ? [Buffer.concat(pieces, frameBytes)] : pieces
}

const scatteredBytes = (tensor: ScatteredTensor): number => {
  let bytes = 0
  for (const piece of tensor.pieces) bytes += piece.length
  return bytes
}

/** f64 number | u16 wanted, u16 tensors | wanted names | per tensor: u8 type, u8 rank, name, f64 bytes, f64 dims. Names: u16 length + UTF-8. */
const encodeMetadata = (body: {
  readonly number: number
  readonly wanted: readonly string[]
  readonly tensors: readonly ScatteredTensor[]
}): Uint8Array => {
  let size = 12
  for (const name of body.wanted) size += 2 + Buffer.byteLength(name)
  for (const tensor of body.tensors) size += 4 + Buffer.byteLength(tensor.name) + 8 + 8 * tensor.shape.length
  const out = Buffer.allocUnsafe(size)
  out.writeDoubleLE(body.number, 0)
  out.writeUInt16LE(body.wanted.length, 8)
  out.writeUInt16LE(body.tensors.length, 10)
  let at = 12
  const writeName = (name: string): void => {
    const bytes = out.write(name, at + 2)
    out.writeUInt16LE(bytes, at)
    at += 2 + bytes
  }
  for (const name of body.wanted) writeName(name)
  for (const tensor of body.tensors) {
    out[at] = datatypes.indexOf(tensor.datatype)
    out[at + 1] = tensor.shape.length
    at += 2
    writeName(tensor.name)
    out.writeDoubleLE(scatteredBytes(tensor), at)
    at += 8
    for (const dimension of tensor.shape) {
      out.writeDoubleLE(dimension, at)
      at += 8
    }
  }
  return out
}

export interface TensorPayload {
  readonly number: number
  readonly wanted: readonly string[]
  readonly tensors: readonly Tensor[]
}

/** Reads a run or result payload; the tensors view the payload. The sender is this package, so a broken layout is a broken invariant. */
export const readTensorPayload = (payload: Uint8Array): TensorPayload => {
  const view = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
  const metadataBytes = view.readUInt32LE(0)
  let at = 16
  const number = view.readDoubleLE(4)
  const wantedCount = view.readUInt16LE(12)
  const tensorCount = view.readUInt16LE(14)
  const readName = (): string => {
    const bytes = view.readUInt16LE(at)
    at += 2 + bytes
    return view.toString('utf8', at - bytes, at)
  }
  const wanted: string[] = []
  for (let i = 0; i < wantedCount; i++) wanted.push(readName())
  const tensors: Tensor[] = []
  let dataAt = 4 + metadataBytes + pad8(4 + metadataBytes)
  for (let i = 0; i < tensorCount; i++) {
    const datatype = datatypes[view.readUInt8(at)]
    const rank = view.readUInt8(at + 1)
    at += 2
    const name = readName()
    const bytes = view.readDoubleLE(at)
    at += 8
    const shape: number[] = []
    for (let d = 0; d < rank; d++, at += 8) shape.push(view.readDoubleLE(at))
    if (datatype === undefined) throw new Error('invariant broken: unknown datatype in a frame')
    tensors.push({ name, datatype, shape, data: payload.subarray(dataAt, dataAt + bytes) })
    dataAt += bytes + pad8(bytes)
  }
  return { number, wanted, tensors }
}
