import type { SeededRandom } from '../../src/testing/index.ts'

/** Fields that are messages, by what kind of message; the names are those of onnx.proto3 in short. */
const messages: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  model: { 7: 'graph', 8: 'opset', 14: 'entry', 20: 'training', 25: 'function' },
  graph: { 1: 'node', 5: 'tensor', 11: 'value', 12: 'value', 13: 'value', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  tensor: { 13: 'entry' },
  value: { 2: 'type' },
  type: { 1: 'tensorType', 4: 'sequence', 5: 'map' },
  tensorType: { 2: 'shape' },
  sequence: { 1: 'type' },
  map: { 2: 'type' },
  shape: { 1: 'dimension' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  training: { 1: 'graph', 2: 'graph' },
  function: { 7: 'node', 9: 'opset', 11: 'attribute' },
}

/** One field of a message: a number, bytes, or a message of its own. */
interface Field {
  field: number
  wire: number
  number: bigint
  bytes: Uint8Array
  message: Message | undefined
  /** Added to the length that is written, which then lies. */
  lie: number
}

interface Message {
  readonly kind: string
  fields: Field[]
}

const parse = (bytes: Uint8Array, kind: string): Message => {
  const fields: Field[] = []
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++] ?? 0
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  while (at < bytes.length) {
    const tag = Number(varint())
    const [field, wire] = [tag >>> 3, tag & 7]
    const number = wire === 0 || wire === 2 ? varint() : 0n
    const length = wire === 2 ? Number(number) : wire === 5 ? 4 : wire === 1 ? 8 : 0
    const value = bytes.slice(at, at + length)
    at += length
    const inner = wire === 2 ? messages[kind]?.[field] : undefined
    const message = inner === undefined ? undefined : parse(value, inner)
    fields.push({ field, wire, number, bytes: value, message, lie: 0 })
  }
  return { kind, fields }
}

const varintOf = (value: bigint): number[] => {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return [...bytes, Number(rest)]
}

const encode = ({ fields }: Message): Buffer =>
  Buffer.concat(
    fields.flatMap((one) => {
      const tag = Buffer.from(varintOf(BigInt(one.field * 8 + one.wire)))
      if (one.wire === 0) return [tag, Buffer.from(varintOf(one.number))]
      const value = one.message === undefined ? Buffer.from(one.bytes) : encode(one.message)
      if (one.wire !== 2) return [tag, value]
      return [tag, Buffer.from(varintOf(BigInt(value.length + one.lie))), value]
    }),
  )

const copyOf = (one: Field): Field => ({
  ...one,
  message: one.message && { kind: one.message.kind, fields: one.message.fields.map(copyOf) },
})

const messagesIn = (message: Message): Message[] => [
  message,
  ...message.fields.flatMap((one) => (one.message === undefined ? [] : messagesIn(one.message))),
]

/** Where readers have gone wrong: the ends of the ranges of numbers, and what lies beside them. */
const numbers = [0n, 1n, 2n, 3n, 7n, 8n, 16n, 255n, 65_536n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n, 2n ** 33n, 2n ** 40n]
  .flatMap((value) => [value, -value])
  .concat(2n ** 53n, 2n ** 62n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n)

const texts = ['', 'x', 'y', 'input', '..', '/etc/passwd', 'a\0b', 'ai.onnx.ml', 'com.microsoft', 'nobody.knows']
  .concat('Identity', 'Add', 'MatMul', 'Expand', 'Tile', 'ConstantOfShape', 'Range', 'Resize', 'Pad', 'Loop', 'If')
  .concat('Scan', 'Reshape', 'Gather', 'Concat', 'Split', 'Conv', 'Cast', 'Softmax', 'TopK', 'Where', 'Einsum')
  .concat('OneHot', 'NonZero', 'Squeeze', 'ZipMap', 'LabelEncoder', 'QLinearMatMul', 'FusedConv', 'é'.repeat(3000))
  .map((text) => Buffer.from(text))

/** A change of a parsed file; false when there was nothing to change. */
type Change = (fields: Message, random: SeededRandom, donors: readonly Message[]) => boolean

const onField =
  (change: (one: Field, random: SeededRandom) => void, fits: (one: Field) => boolean = () => true): Change =>
  ({ fields }, random) => {
    const fitting = fields.filter(fits)
    if (fitting.length === 0) return false
    change(random.pick(fitting), random)
    return true
  }

const isBytes = (one: Field): boolean => one.wire === 2 && one.message === undefined

const changes: readonly Change[] = [
  ({ fields }, random) => fields.splice(random.int(fields.length), 1).length > 0,
  (message, random) => {
    if (message.fields.length === 0) return false
    const copy = copyOf(random.pick(message.fields))
    message.fields.splice(random.int(message.fields.length + 1), 0, copy)
    return true
  },
  (message, random) => {
    const taken = message.fields.splice(random.int(message.fields.length), 1)
    message.fields.splice(random.int(message.fields.length + 1), 0, ...taken)
    return taken.length > 0
  },
  onField(
    (one, random) => (one.number = random.pick(numbers)),
    ({ wire }) => wire === 0,
  ),
  onField(
    (one, random) => (one.number += random.pick([-1n, 1n])),
    ({ wire }) => wire === 0,
  ),
  onField((one, random) => (one.bytes = random.pick(texts)), isBytes),
  onField((one, random) => (one.bytes = one.bytes.slice(0, random.int(one.bytes.length + 1))), isBytes),
  onField((one, random) => (one.bytes = Buffer.concat([one.bytes, Buffer.alloc(1 + random.int(64), 0xa5)])), isBytes),
  onField((one, random) => (one.wire = random.int(8))),
  onField((one, random) => (one.field = random.pick([0, 1 + random.int(30), one.field + 1, 2 ** 29 - 1]))),
  onField(
    (one, random) => (one.lie = random.pick([-1, 1, -8, 127, 65_536, 2 ** 31 - 1, 2 ** 32])),
    ({ wire }) => wire === 2,
  ),
  // A message of the same kind of another file, in the place of one or beside it.
  (message, random, donors) => {
    const kinds = new Set(message.fields.flatMap((one) => one.message?.kind ?? []))
    const fitting = donors.flatMap(({ fields }) => fields.filter((one) => kinds.has(one.message?.kind ?? '')))
    if (fitting.length === 0) return false
    const given = copyOf(random.pick(fitting))
    const at = message.fields.findIndex((one) => one.message?.kind === given.message?.kind)
    message.fields.splice(at, random.int(2), given)
    return true
  },
  // A graph in an attribute of its own node, as deep as it comes.
  (message, random) => {
    if (message.kind !== 'graph') return false
    const depth = 1 + random.int(60)
    for (let level = 0; level < depth; level++) {
      const inner: Message = { kind: 'graph', fields: message.fields.map(copyOf) }
      const named = { field: 1, wire: 2, number: 0n, bytes: Buffer.from('body'), message: undefined, lie: 0 }
      const graph = { ...named, field: 6, message: inner }
      const type = { ...named, field: 20, wire: 0, number: 5n }
      const attribute = { ...named, field: 5, message: { kind: 'attribute', fields: [named, graph, type] } }
      const op = { ...named, field: 4, bytes: Buffer.from('If') }
      message.fields = [{ ...named, message: { kind: 'node', fields: [op, attribute] } }]
    }
    return true
  },
]

const changeStructure = (bytes: Uint8Array, random: SeededRandom, donors: readonly Message[]): Uint8Array => {
  const whole = parse(bytes, 'model')
  for (let count = 1 + random.int(3); count > 0;) {
    const all = messagesIn(whole)
    if (random.pick(changes)(random.pick(all), random, donors)) count--
  }
  return encode(whole)
}

const changeBytes = (bytes: Uint8Array, random: SeededRandom): Uint8Array => {
  const at = random.int(bytes.length)
  const some = 1 + random.int(random.pick([4, 64]))
  const copy = Buffer.from(bytes)
  switch (random.int(7)) {
    case 0:
      for (let i = 0; i < some; i++) {
        const place = random.int(copy.length)
        copy[place] = (copy[place] ?? 0) ^ (1 << random.int(8))
      }
      return copy
    case 1:
      copy[at] = random.int(256)
      return copy
    case 2:
      return copy.subarray(0, at)
    case 3:
      return Buffer.concat([copy.subarray(0, at), Buffer.alloc(some, random.int(256)), copy.subarray(at)])
    case 4:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(at + some)])
    case 5:
      return copy.fill(random.pick([0, 0x7f, 0x80, 0xff]), at, Math.min(at + some, copy.length))
    default:
      copy.copyWithin(random.int(copy.length), at, at + some)
      return copy
  }
}

/** Fields that no reader knows, and another order of fields of different numbers: the file means what it meant. */
const changeNothing = (bytes: Uint8Array, random: SeededRandom): Uint8Array => {
  const whole = parse(bytes, 'model')
  for (const message of messagesIn(whole)) {
    if (random.chance(0.3)) {
      const first = new Map(message.fields.map(({ field }) => [field, random.next()]))
      message.fields.sort((a, b) => (first.get(a.field) ?? 0) - (first.get(b.field) ?? 0))
    }
    if (random.chance(0.3)) {
      const unknown = { field: 1000 + random.int(1000), wire: 2, number: 0n, message: undefined, lie: 0 }
      message.fields.push({ ...unknown, bytes: Buffer.alloc(random.int(20), 8) })
    }
  }
  return encode(whole)
}

export interface Mutant {
  readonly bytes: Uint8Array
  /** Number of the file it was made of. */
  readonly of: number
  /** Whether it still says what that file says. */
  readonly same: boolean
}

/** A valid ONNX file, changed as a damaged disk, a broken exporter or an attacker would. */
export const mutate = (files: readonly Uint8Array[], random: SeededRandom): Mutant => {
  const of = random.int(files.length)
  const bytes = files[of] as Uint8Array
  if (random.chance(0.1)) return { bytes: changeNothing(bytes, random), of, same: true }
  if (random.chance(0.35)) return { bytes: changeBytes(bytes, random), of, same: false }
  const donors = messagesIn(parse(random.pick(files), 'model'))
  return { bytes: changeStructure(bytes, random, donors), of, same: false }
}
