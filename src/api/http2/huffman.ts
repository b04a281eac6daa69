import { errorCode } from './codes.ts'
import { ConnectionError } from './connection-error.ts'

/**
 * Bytes by the length of their codes, in the order of the codes: each follows the one before it, counted up and
 * lengthened by zeros (RFC 7541, appendix B). What is left at the end, ones alone, is EOS.
 */
const codes: readonly (readonly [bits: number, bytes: string])[] = [
  [5, '48-50 97 99 101 105 111 115-116'],
  [6, '32 37 45-47 51-57 61 65 95 98 100 102-104 108-110 112 114 117'],
  [7, '58 66-87 89 106-107 113 118-122'],
  [8, '38 42 44 59 88 90'],
  [10, '33-34 40-41 63'],
  [11, '39 43 124'],
  [12, '35 62'],
  [13, '0 36 64 91 93 126'],
  [14, '94 125'],
  [15, '60 96 123'],
  [19, '92 195 208'],
  [20, '128 130-131 162 184 194 224 226'],
  [21, '153 161 167 172 176-177 179 209 216-217 227 229-230'],
  [22, '129 132-134 136 146 154 156 160 163-164 169-170 173 178 181 185-187 189-190 196 198 228 232-233'],
  [23, '1 135 137-141 143 147 149-152 155 157-158 165-166 168 174-175 180 182-183 188 191 197 231 239'],
  [24, '9 142 144-145 148 159 171 206 215 225 236-237'],
  [25, '199 207 234-235'],
  [26, '192-193 200-202 205 210 213 218-219 238 240 242-243 255'],
  [27, '203-204 211-212 214 221-223 241 244-248 250-254'],
  [28, '2-8 11-12 14-21 23-31 127 220 249'],
  [30, '10 13 22'],
]

/** A node of the tree of codes: where a 0 and a 1 lead, to another node or to a byte, which is kept as -1 - byte. */
type Node = [zero: number | undefined, one: number | undefined]

const bytesOf = (ranges: string): number[] =>
  ranges.split(' ').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, i) => first + i)
  })

const plant = (): readonly Node[] => {
  const nodes: Node[] = [[undefined, undefined]]
  let code = 0
  let length = 0
  for (const [bits, ranges] of codes) {
    for (const byte of bytesOf(ranges)) {
      code <<= bits - length
      length = bits
      let at = 0
      for (let bit = bits - 1; bit > 0; bit -= 1) {
        const node = nodes[at] as Node
        at = node[(code >> bit) & 1] ??= nodes.push([undefined, undefined]) - 1
      }
      ;(nodes[at] as Node)[code & 1] = -1 - byte
      code += 1
    }
  }
  return nodes
}

/**
 * Four bits at a time: by node and bits, the node after them; `wrote` when a byte is complete, which is in the bits
 * from `byteShift` on; `wrong` when no code begins so. No code is shorter than five bits.
 */
const wrote = 0x100
const wrong = 0x200
const byteShift = 10

const stepFrom = (nodes: readonly Node[], from: number, bits: number): number => {
  let at = from
  let result = 0
  for (let bit = 3; bit >= 0; bit -= 1) {
    const next = nodes[at]?.[(bits >> bit) & 1]
    if (next === undefined) return wrong
    at = Math.max(0, next)
    if (next < 0) result = wrote | ((-1 - next) << byteShift)
  }
  return result | at
}

const nodes = plant()
const steps = Int32Array.from({ length: nodes.length * 16 }, (_, i) => stepFrom(nodes, i >> 4, i & 15))

/** Nodes at which a text may end: up to seven ones, which begin EOS (RFC 7541, section 5.2). */
const mayEnd = new Uint8Array(nodes.length)
for (let at = 0, ones = 0; ones < 8; ones += 1) {
  mayEnd[at] = 1
  at = nodes[at]?.[1] ?? 0
}

let scratch = Buffer.allocUnsafeSlow(1024)

/** Text of a Huffman-coded string. Throws a ConnectionError. */
export const huffmanText = (bytes: Uint8Array, from: number, to: number): string => {
  const lengthMax = Math.ceil(((to - from) * 8) / 5)
  const text = lengthMax <= scratch.length ? scratch : (scratch = Buffer.allocUnsafeSlow(lengthMax))
  let length = 0
  let node = 0
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at] as number
    const first = steps[(node << 4) | (byte >> 4)] as number
    if (first & wrote) text[length++] = first >> byteShift
    const second = steps[((first & 0xff) << 4) | (byte & 15)] as number
    if (second & wrote) text[length++] = second >> byteShift
    if ((first | second) & wrong) throw new ConnectionError(errorCode.compression, 'a string with EOS within')
    node = second & 0xff
  }
  if (mayEnd[node] !== 1) throw new ConnectionError(errorCode.compression, 'a string with wrong padding')
  return text.toString('latin1', 0, length)
}
