import { describe, expect, it } from 'vitest'
import type { SeededRandom } from '../testing/seeded-random.ts'
import { seedsDefault, simulate } from '../testing/simulate.ts'
import { FairQueue } from './fair-queue.ts'

const drain = (queue: FairQueue<string>): string => {
  let order = ''
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) order += item
  return order
}

const filled = (pieces: readonly (readonly [owner: string, cost: number])[]): FairQueue<string> => {
  const queue = new FairQueue<string>()
  pieces.forEach(([owner, cost], index) => queue.push(owner, cost, `${owner}${index}`))
  return queue
}

describe('FairQueue', () => {
  it('takes the work of one owner in order of arrival, and that of several in turns', () => {
    expect(drain(filled([1, 2, 3].map(() => ['a', 1] as const)))).toBe('a0a1a2')
    expect(drain(filled(['a', 'a', 'a', 'b', 'b'].map((owner) => [owner, 1] as const)))).toBe('a0b3a1b4a2')
  })

  it('counts turns by what they cost', () => {
    expect(
      drain(
        filled([
          ['a', 10],
          ['a', 10],
          ['b', 4],
          ['b', 4],
          ['b', 4],
          ['b', 4],
        ]),
      ),
    ).toBe('a0b2b3b4a1b5')
  })

  it('gives nobody who comes back the time that they did not ask for, nor a fresh start', () => {
    const queue = filled([
      ['a', 10],
      ['b', 1],
      ['b', 1],
      ['b', 1],
      ['b', 1],
      ['b', 1],
    ])
    expect([queue.shift(), queue.shift(), queue.shift()]).toEqual(['a0', 'b1', 'b2'])
    queue.push('a', 10, 'a')
    queue.push('late', 1, 'late')
    expect(drain(queue)).toBe('lateb3b4b5a')
    expect(queue.size).toBe(0)
  })

  it('lets an owner take work back', () => {
    const queue = filled([
      ['a', 1],
      ['a', 1],
      ['b', 1],
    ])
    expect([queue.remove('a', 'a0'), queue.remove('a', 'a0'), queue.remove('c', 'a1')]).toEqual([true, false, false])
    expect([queue.size, drain(queue)]).toEqual([2, 'a1b2'])
  })

  it('makes room at the cost of who has most, and never for who would have as much', () => {
    const queue = filled([
      ['a', 5],
      ['a', 5],
      ['a', 5],
      ['b', 5],
      ['b', 5],
    ])
    const one = (gone: readonly string[]): boolean => gone.length >= 1
    expect(queue.displace('a', 5, one)).toBeUndefined()
    expect(queue.displace('c', 5, (gone) => gone.length >= 4)).toBeUndefined()
    expect(queue.size).toBe(5)
    expect(queue.displace('c', 5, (gone) => gone.length >= 3)).toEqual(['a2', 'a1', 'b4'])
    expect(drain(queue)).toBe('a0b3')
  })
})

interface Caller {
  readonly owner: string
  readonly gap: number
  readonly costMax: number
}

/** A worker that does a unit of cost in a unit of time; answers the longest wait of each owner beyond its bound. */
const work = (callers: readonly Caller[], pieces: number, random: SeededRandom): Map<string, number> => {
  interface Piece extends Caller {
    readonly arrived: number
    readonly latest: number
    readonly cost: number
  }
  const costMax = Math.max(...callers.map((caller) => caller.costMax))
  const arrivals = callers
    .flatMap((caller) => {
      let at = 0
      return Array.from({ length: pieces }, () => ({ ...caller, at: (at += random.exponential(caller.gap)) }))
    })
    .toSorted((a, b) => a.at - b.at)
  const queue = new FairQueue<Piece>()
  const backlog = new Map(callers.map(({ owner }) => [owner, 0]))
  const longest = new Map(callers.map(({ owner }) => [owner, 0]))
  let now = 0
  for (let next = 0; next < arrivals.length || queue.size > 0;) {
    const upcoming = arrivals[next]
    if (upcoming !== undefined && (queue.size === 0 || upcoming.at <= now)) {
      now = Math.max(now, upcoming.at)
      const cost = 1 + random.int(upcoming.costMax)
      const own = (backlog.get(upcoming.owner) ?? 0) + cost
      backlog.set(upcoming.owner, own)
      // What it has waiting itself is done at its share of the worker, give or take two pieces of everybody.
      const latest = upcoming.at + callers.length * (own + 2 * costMax)
      queue.push(upcoming.owner, cost, { ...upcoming, arrived: upcoming.at, latest, cost })
      next++
      continue
    }
    const piece = queue.shift()
    if (piece === undefined) throw new Error('work that waits can be had')
    now += piece.cost
    expect(now, `${piece.owner} waits no longer than its own work asks for`).toBeLessThanOrEqual(piece.latest)
    backlog.set(piece.owner, (backlog.get(piece.owner) ?? 0) - piece.cost)
    longest.set(piece.owner, Math.max(longest.get(piece.owner) ?? 0, now - piece.arrived))
  }
  return longest
}

describe('FairQueue under random load', () => {
  it('bounds the wait of every owner by its own work, whatever the others put in', async () => {
    await simulate(seedsDefault, (random) => {
      const callers = Array.from({ length: 2 + random.int(4) }, (_, index) => ({
        owner: `m${index}`,
        gap: random.pick([2, 20, 200]),
        costMax: random.pick([1, 10, 50]),
      }))
      work(callers, 100, random)
    })
  })

  it('keeps who asks seldom quick beside one who floods', async () => {
    await simulate(20, (random) => {
      const longest = work(
        [
          { owner: 'flood', gap: 1, costMax: 10 },
          { owner: 'seldom', gap: 100, costMax: 10 },
        ],
        300,
        random,
      )
      expect(longest.get('flood')).toBeGreaterThan(500)
      expect(longest.get('seldom')).toBeLessThan(100)
    })
  })
})
