import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../testing/index.ts'
import type { RestartStep } from './restart-policy.ts'
import { afterCrash } from './restart-policy.ts'

const options = { crashesMax: 3, crashWindowMs: 60_000, backoffFirstMs: 100, backoffMaxMs: 5000 }
const longest = { next: (): number => 1 }

/** The steps of crashes at the given times. */
const crashesAt = (times: readonly number[], given = options): RestartStep[] => {
  const steps: RestartStep[] = []
  let earlier: readonly number[] = []
  for (const time of times) {
    const step = afterCrash(earlier, time, given, longest)
    steps.push(step)
    earlier = step.recent
  }
  return steps
}

describe('after a crash', () => {
  it('the host is restarted, and quarantined at the third within a minute', () => {
    expect(crashesAt([0, 1000, 59_999]).map((step) => step.kind)).toEqual(['restart', 'restart', 'quarantine'])
  })

  it('crashes of more than a minute ago no longer count', () => {
    expect(crashesAt([0, 1000, 60_000, 61_000, 121_000]).every((step) => step.kind === 'restart')).toBe(true)
    expect(crashesAt([0, 60_000])[1]?.recent).toEqual([60_000])
  })

  it('the host comes back at once from the first, then after a pause that grows with the crashes and is shaken', () => {
    const often = { ...options, crashesMax: 10 }
    const pauses = crashesAt([0, 1000, 2000, 3000], often).map((step) =>
      step.kind === 'restart' ? step.afterMs : undefined,
    )
    expect(pauses).toEqual([0, 100, 200, 400])
    expect(afterCrash([0], 1000, options, { next: () => 0.25 })).toMatchObject({ afterMs: 25 })
    // One of more than the window ago is forgotten.
    expect(afterCrash([0], 61_000, options, longest)).toMatchObject({ afterMs: 0 })
  })

  it('the pause stays within its bound, however many crashes are allowed', () => {
    const patient = { ...options, crashesMax: 1000, crashWindowMs: Infinity }
    fc.assert(
      fc.property(fc.array(fc.nat(1e6), { maxLength: 200 }), fc.integer(), (earlier, seed) => {
        const step = afterCrash(earlier, 1e6, patient, seededRandom(seed))
        expect(step.kind === 'restart' && step.afterMs >= 0 && step.afterMs <= patient.backoffMaxMs).toBe(true)
      }),
    )
  })
})
