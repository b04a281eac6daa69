const float32 = new Float32Array(1)
const bits32 = new Uint32Array(float32.buffer)
const half = new Float16Array(1)
const halfBits = new Uint16Array(half.buffer)

/** IEEE 754 binary16 bits of a number, rounded to nearest, ties to even. */
export const toHalfBits = (value: number): number => {
  half[0] = value
  return halfBits[0] ?? 0
}

export const fromHalfBits = (bits: number): number => {
  halfBits[0] = bits
  return half[0] ?? 0
}

/**
 * bfloat16 bits of a number, rounded to nearest, ties to even. The number is rounded to binary32 first, with sticky
 * rounding to odd, so that the two roundings give what one would.
 */
export const toBfloatBits = (value: number): number => {
  if (Number.isNaN(value)) return 0x7fc0
  float32[0] = value
  let bits = bits32[0] ?? 0
  const rounded = float32[0]
  if (rounded !== value && Number.isFinite(rounded)) bits = roundToOdd(bits, rounded, value)
  const lower = bits & 0xffff
  const upper = bits >>> 16
  const up = lower > 0x8000 || (lower === 0x8000 && (upper & 1) === 1)
  return up ? upper + 1 : upper
}

/** Of the two binary32 neighbours of an inexact value, the one with an odd last bit. */
const roundToOdd = (bits: number, rounded: number, value: number): number => {
  if ((bits & 1) === 1) return bits
  const awayFromZero = Math.abs(value) > Math.abs(rounded)
  return awayFromZero ? bits + 1 : bits - 1
}

export const fromBfloatBits = (bits: number): number => {
  bits32[0] = bits << 16
  return float32[0] ?? 0
}
