import { expect, it } from 'vitest'
import { VirtualClock } from '../testing/index.ts'
import { collectIdleGarbage } from './idle-garbage.ts'

const mebibyte = 1024 ** 2

/** A process of which `held` are in use. */
const watched = () => {
  const clock = new VirtualClock()
  const memory = { bytes: 0, held: 0, collections: [] as number[] }
  const stop = collectIdleGarbage({
    clock,
    bytesNow: () => memory.bytes,
    collect() {
      memory.bytes = memory.held
      memory.collections.push(Math.round(clock.now() / 1000))
    },
  })
  return { clock, memory, stop }
}

it('collects the garbage of large bodies once, when no more have come for a second', async () => {
  const { clock, memory, stop } = watched()
  for (let i = 1; i <= 5; i++) {
    memory.bytes += 50 * mebibyte
    await clock.advance(1000)
  }
  expect(memory.collections).toEqual([])
  await clock.advance(60_000)
  expect([memory.collections, memory.bytes]).toEqual([[6], 0])
  memory.bytes = 100 * mebibyte
  stop()
  await clock.advance(60_000)
  expect(memory.collections).toHaveLength(1)
})

it('leaves little garbage to the collector', async () => {
  const { clock, memory } = watched()
  memory.bytes = 60 * mebibyte
  await clock.advance(60_000)
  expect(memory.collections).toEqual([])
})

it('looks ever more rarely for what is in use, and soon again when that has changed', async () => {
  const { clock, memory } = watched()
  memory.bytes = memory.held = 200 * mebibyte
  await clock.advance(300_000)
  expect(memory.collections).toEqual([2, 4, 8, 16, 32, 64, 124, 184, 244])
  memory.held = 0
  memory.bytes += 2 * mebibyte
  await clock.advance(2000)
  expect([memory.collections.at(-1), memory.bytes]).toEqual([302, 0])
})
