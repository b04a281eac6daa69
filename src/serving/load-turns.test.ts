import { describe, expect, it } from 'vitest'
import { seedsDefault, simulate } from '../testing/simulate.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { LoadTurns } from './load-turns.ts'

const open = (places: number) => {
  const clock = new VirtualClock()
  const turns = new LoadTurns({ places, clock })
  const started: string[] = []
  const load = (name: string, loadMs: number, awaited = false): Promise<number> =>
    turns.run({ model: name.charAt(0), awaited }, async () => {
      started.push(name)
      await new Promise<void>((done) => clock.setTimer(done, loadMs))
      return clock.now()
    })
  return { clock, started, load, turns }
}

describe('turns of loads', () => {
  it('bound how many load at a time, and models take them in turn', async () => {
    const { clock, started, load } = open(2)
    const loads = ['a1', 'a2', 'a3', 'a4', 'b1', 'c1'].map((name) => load(name, 100))
    await clock.runUntilIdle()
    expect(started.join(' ')).toBe('a1 a2 b1 c1 a3 a4')
    expect(await Promise.all(loads)).toEqual([100, 100, 300, 300, 200, 200])
  })

  it('are had at once by what requests wait for, though others have taken every place', async () => {
    const { clock, started, load } = open(1)
    const others = [load('a1', 500), load('a2', 500)]
    const awaited = [load('b1', 100, true), load('c1', 100, true)]
    await clock.runUntilIdle()
    expect(started.join(' ')).toBe('a1 b1 c1 a2')
    expect(await Promise.all([...awaited, ...others])).toEqual([100, 200, 500, 1000])
  })

  it('alternate between what requests wait for and what nobody does', async () => {
    const { clock, started, load } = open(1)
    const loads = [...['b', 'c', 'd'].map((name) => load(name, 100, true)), load('x', 100), load('y', 100)]
    await clock.runUntilIdle()
    await Promise.all(loads)
    expect(started.join(' ')).toBe('b x c y d')
  })

  it('pass on from a load that takes very long, which goes on', async () => {
    const { clock, load } = open(1)
    const loads = [load('a', 60_000), load('b', 100), load('c', 100)]
    await clock.runUntilIdle()
    expect(await Promise.all(loads)).toEqual([60_000, 10_100, 10_200])
  })

  it('pass on from a load that fails', async () => {
    const { clock, load, turns } = open(1)
    const failing = turns.run({ model: 'a', awaited: false }, () => Promise.reject(new Error('broken')))
    const next = load('b', 100)
    await expect(failing).rejects.toThrow('broken')
    await clock.runUntilIdle()
    expect(await next).toBe(100)
  })
})

describe('turns of loads at random', () => {
  it('keep what requests wait for from waiting longer than one load of each other model so awaited takes', async () => {
    await simulate(seedsDefault, async (random) => {
      const { clock, turns } = open(1 + random.int(3))
      const longestMs = 1000
      const models = ['a', 'b', 'c', 'd']
      const loads: Promise<void>[] = []
      let placed = 0
      const ask = (model: string, awaited: boolean): void => {
        const askedMs = clock.now()
        loads.push(
          turns.run({ model, awaited }, async () => {
            placed += 1
            // The load under way, then one of every other model that requests wait for, each behind one of the others.
            if (awaited) expect(clock.now() - askedMs).toBeLessThanOrEqual(2 * models.length * longestMs)
            await new Promise<void>((done) => clock.setTimer(done, longestMs * random.next()))
            placed -= 1
          }),
        )
      }
      for (let i = 0; i < 40; i++) clock.setTimer(() => ask('a', false), random.exponential(500))
      // A model has one load that requests wait for at a time.
      for (const model of models) clock.setTimer(() => ask(model, true), random.exponential(2000))
      await clock.runUntilIdle()
      await Promise.all(loads)
      expect([placed, loads.length]).toEqual([0, 44])
    })
  })
})
