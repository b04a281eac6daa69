import { describe, expect, it } from 'vitest'
import { KeptMemory } from './kept-memory.ts'

const mebibyte = 1024 ** 2
const options = { bytesReserve: 128 * mebibyte, settleMs: 10_000 }
const loaded = 100 * mebibyte

describe('the memory that a host keeps', () => {
  it.each([
    ['within the reserve', { bytes: loaded + options.bytesReserve, bytesAfterLoad: loaded, quietMs: 60_000 }, false],
    ['beyond it, right after a large run', { bytes: 3 * loaded, bytesAfterLoad: loaded, quietMs: 9999 }, false],
    ['beyond it, once it has been quiet', { bytes: 3 * loaded, bytesAfterLoad: loaded, quietMs: 10_000 }, true],
    ['half of what a large model takes', { bytes: 15 * loaded, bytesAfterLoad: 10 * loaded, quietMs: 60_000 }, false],
  ])('%s', (_, memory, isDue) => {
    expect(new KeptMemory(options).isDue(memory, 1_000_000)).toBe(isDue)
  })

  it('is given back ever more seldom by a host that grows again each time, and soon again after an hour', () => {
    const kept = new KeptMemory(options)
    const memory = { bytes: 3 * loaded, bytesAfterLoad: loaded, quietMs: 10_000 }
    const times: number[] = []
    for (let second = 0; second < 3 * 3600; second++) if (kept.isDue(memory, second * 1000)) times.push(second)
    const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0))
    expect(pauses).toEqual([20, 40, 80, 160, 320, 640, 1280, 2560, 3600])
    const last = (times.at(-1) ?? 0) * 1000
    expect(kept.isDue(memory, last + 3_600_001)).toBe(true)
    expect(kept.isDue(memory, last + 3_600_001 + 20_000)).toBe(true)
  })
})
