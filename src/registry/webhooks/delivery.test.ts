import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../testing/seeded-random.ts'
import { afterAttempt, planRound } from './delivery.ts'

const hourMs = 3_600_000
const failed = { error: 'the receiver answered 503', mayRetry: true }

describe('what follows an attempt', () => {
  it('is another one within a second, then within ever longer times up to an hour', () => {
    const longest = [1, 2, 3, 12, 13, 40].map((attempts) => {
      const next = afterAttempt(failed, { attempts, sinceTime: 0 }, { nowMs: 0, random: { next: () => 1 } })
      return next.status === 'pending' ? next.dueTime : next.status
    })
    expect(longest).toEqual([1000, 2000, 4000, 2_048_000, hourMs, hourMs])
  })

  it('is no attempt later than a day after the first was due, and always an end', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 10 * hourMs }), (seed, retryAfterMs) => {
        const random = seededRandom(seed)
        let nowMs = 0
        for (let attempts = 1; ; attempts++) {
          expect(attempts).toBeLessThan(2000)
          const next = afterAttempt({ ...failed, retryAfterMs }, { attempts, sinceTime: 0 }, { nowMs, random })
          if (next.status !== 'pending') return
          expect(next.dueTime).toBeGreaterThanOrEqual(nowMs + Math.min(retryAfterMs, hourMs))
          expect(next.dueTime).toBeLessThanOrEqual(24 * hourMs)
          nowMs = next.dueTime
        }
      }),
      { numRuns: 50 },
    )
  })
})

describe('a round', () => {
  const head = fc.record({
    dueTime: fc.integer({ min: 0, max: 100 }),
    turnUntil: fc.constantFrom(0, 0, 30, 70),
  })

  it('claims what is due and nobody has, the longest waiting first, as far as there is room', () => {
    fc.assert(
      fc.property(
        fc.array(head),
        fc.integer({ min: -1, max: 5 }),
        fc.integer({ min: 0, max: 100 }),
        (given, room, nowMs) => {
          const heads = given.map((each, webhookKey) => ({ ...each, webhookKey }))
          const { claim, nextTime } = planRound(heads, { nowMs, room })
          const due = heads.filter(({ dueTime, turnUntil }) => dueTime <= nowMs && turnUntil <= nowMs)
          expect(claim).toHaveLength(Math.min(due.length, Math.max(0, room)))
          for (const each of claim) expect(due).toContain(each)
          const rest = due.filter((each) => !claim.includes(each))
          for (const left of rest) for (const each of claim) expect(left.dueTime).toBeGreaterThanOrEqual(each.dueTime)
          const later = heads.filter((each) => !due.includes(each))
          expect(nextTime === undefined).toBe(later.length === 0)
          if (nextTime !== undefined) expect(nextTime).toBeGreaterThan(nowMs)
        },
      ),
    )
  })
})
