import { expect, it } from 'vitest'
import { freeBytes } from './free-bytes.ts'

it('takes the memory of bytes that are all of it, and leaves a part of more alone', () => {
  const whole = new Uint8Array(8)
  freeBytes(whole)
  expect([whole.length, whole.buffer.detached]).toEqual([0, true])
  const all = new Uint8Array([1, 2, 3])
  freeBytes(all.subarray(1))
  expect([...all]).toEqual([1, 2, 3])
})
