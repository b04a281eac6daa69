import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import { RestartPauses } from './restart-pauses.ts'

/** The longest pause that chance may give. */
const longest = { next: () => 1 }

describe('pauses before a restart', () => {
  it('double with each end, up to ten seconds', () => {
    const pauses = new RestartPauses(new VirtualClock(), longest)
    const lengths = Array.from({ length: 9 }, () => pauses.ended())
    expect(lengths).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000])
  })

  it('go on growing while what was started works for less than a minute', async () => {
    const clock = new VirtualClock()
    const pauses = new RestartPauses(clock, longest)
    for (const pause of [100, 200, 400]) {
      pauses.started()
      await clock.advance(59_999)
      expect(pauses.ended()).toBe(pause)
    }
  })

  it('begin anew after a minute that it worked, and not after one that it was away', async () => {
    const clock = new VirtualClock()
    const pauses = new RestartPauses(clock, longest)
    pauses.started()
    expect([pauses.ended(), pauses.ended(), pauses.ended()]).toEqual([100, 200, 400])
    await clock.advance(60_000)
    expect(pauses.ended()).toBe(800)
    pauses.started()
    await clock.advance(60_000)
    expect([pauses.ended(), pauses.ended()]).toEqual([100, 200])
  })
})
