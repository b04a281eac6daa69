import { describe, expect, it } from 'vitest'
import { paceFromData, PaceTally } from './pace.ts'

describe('the pace of a load', () => {
  it('is how late requests were sent, and how long so many good answers in a row took', () => {
    const tally = new PaceTally(2)
    const end = (status: number, dueAtMs: number, sentAtMs: number, endedAtMs: number): void =>
      tally.observe({ status }, { dueAtMs, sentAtMs, endedAtMs })
    end(200, 0, 0, 10)
    end(429, 1, 4, 12)
    end(200, 2, 4, 20)
    end(200, 3, 4, 50)
    tally.observe({ error: 'ECONNRESET' }, { dueAtMs: 5, sentAtMs: 5, endedAtMs: 51 })
    end(200, 6, 7, 60)
    const { lateness, rows } = paceFromData(tally.data())
    expect([lateness.count, lateness.max]).toEqual([6, 3])
    expect([rows.count, rows.min, rows.max]).toEqual([2, 40, 40])
  })

  it('has no rows unless they are asked for', () => {
    const tally = new PaceTally(0)
    for (let at = 0; at < 10; at++) tally.observe({ status: 200 }, { dueAtMs: at, sentAtMs: at, endedAtMs: at })
    expect(paceFromData(tally.data()).rows.count).toBe(0)
  })
})
