import { describe, expect, it } from 'vitest'
import { HostFootprints } from './host-footprints.ts'

describe('what a host of an engine takes', () => {
  it('is learned from those that loaded, each engine by itself', () => {
    const footprints = new HostFootprints()
    const before = footprints.bytesOf('onnx')
    for (let i = 0; i < 6; i++) footprints.note('js', 60)
    expect(footprints.bytesOf('js')).toBe(60)
    expect(footprints.bytesOf('onnx')).toBe(before)
  })

  it('is not what one model takes that is unlike the others', () => {
    const footprints = new HostFootprints()
    const before = footprints.bytesOf('js')
    footprints.note('js', 10 * before)
    for (let i = 0; i < 3; i++) footprints.note('js', before)
    expect(footprints.bytesOf('js')).toBe(before)
  })

  it('follows what is measured now', () => {
    const footprints = new HostFootprints()
    for (let i = 0; i < 100; i++) footprints.note('python', 1)
    for (let i = 0; i < 16; i++) footprints.note('python', 2)
    expect(footprints.bytesOf('python')).toBe(2)
  })
})
