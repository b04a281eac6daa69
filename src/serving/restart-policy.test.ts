import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../testing/index.ts'
import type { RestartStep } from './restart-policy.ts'
import { afterCrash } from './restart-policy.ts'

const options = { crashesMax: 3, crashWindowMs: 60_000, backoffFirstMs: 100, backoffMaxMs: 5000 }
const longest = { next: (): number => 1 }

/** The steps of crashes at the given times. */
const crashesAt = (times: readonly number[]): RestartStep[] => {
  const steps: RestartStep[] = []
  let earlier: readonly number[] = []
  for (const time of times) {
    const step = afterCrash(earlier, time, options, longest)
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

  it('the pause grows with the crashes and is shaken', () => {
    const pauses = crashesAt([0, 1000]).map((step) => (step.kind === 'restart' ? step.afterMs : undefined))
    expect(pauses).toEqual([100, 200])
    expect(afterCrash([], 0, options, { next: () => 0.25 })).toMatchObject({ afterMs: 25 })
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
