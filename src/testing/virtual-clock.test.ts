import { describe, expect, it } from 'vitest'
import { sleep } from '../lib/index.ts'
import { VirtualClock } from './virtual-clock.ts'

describe('VirtualClock', () => {
  it('fires timers by time, and equal times in the order they were set', async () => {
    const clock = new VirtualClock()
    const fired: string[] = []
    clock.setTimer(() => fired.push('late'), 20)
    clock.setTimer(() => fired.push('first of two'), 10)
    clock.setTimer(() => fired.push('second of two'), 10)
    clock.setTimer(() => fired.push('at once'), -5)
    await clock.advance(10)
    expect(fired).toEqual(['at once', 'first of two', 'second of two'])
    expect(clock.now()).toBe(10)
    expect(clock.timerCount).toBe(1)
  })

  it('never fires a cancelled timer', async () => {
    const clock = new VirtualClock()
    const fired: string[] = []
    const timer = clock.setTimer(() => fired.push('cancelled'), 1)
    clock.setTimer(() => fired.push('kept'), 1)
    timer.cancel()
    timer.cancel()
    await clock.runUntilIdle()
    expect(fired).toEqual(['kept'])
  })

  it('runs code behind await at its own instant, also timers that it sets', async () => {
    const clock = new VirtualClock({ nowMs: 100 })
    const seen: number[] = []
    const walk = async (): Promise<void> => {
      for (let step = 0; step < 3; step++) {
        await sleep(clock, 5)
        await Promise.resolve().then(() => Promise.resolve())
        seen.push(clock.now())
      }
    }
    const walked = walk()
    clock.setTimer(() => seen.push(-clock.now()), 7)
    await clock.advance(12)
    expect(seen).toEqual([105, -107, 110])
    await clock.runUntilIdle()
    await walked
    expect(seen.at(-1)).toBe(115)
  })

  it('moves civil time along and refuses to go back', async () => {
    const clock = new VirtualClock({ nowMs: 5, wallMs: 1_000 })
    await clock.advanceTo(7.5)
    expect(clock.wallMs()).toBe(1_002.5)
    await expect(clock.advanceTo(7)).rejects.toThrow('cannot go from 7.5 ms back to 7 ms')
    await expect(clock.advanceTo(Number.NaN)).rejects.toThrow(RangeError)
  })
})
