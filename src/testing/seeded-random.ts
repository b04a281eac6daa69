import type { Random } from '../lib/index.ts'

/** The same seed gives the same numbers on every machine. */
export interface SeededRandom extends Random {
  /** Uniform integer in [0, limit). */
  int(limit: number): number
  /** Exponentially distributed with the given mean: the gaps between independent arrivals. */
  exponential(mean: number): number
  /** True with the given probability. */
  chance(probability: number): boolean
  /** One of the items; an empty list throws. */
  pick<T>(items: readonly T[]): T
}

/** Chris Doty-Humphrey's sfc32 (PractRand), its state filled by splitmix32 so that near seeds share nothing. */
export function seededRandom(seed: number): SeededRandom {
  const word = splitmix32(seed)
  let a = word()
  let b = word()
  let c = word()
  let counter = 1
  const next = (): number => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return (sum >>> 0) / 2 ** 32
  }
  const int = (limit: number): number => Math.floor(next() * limit)
  return {
    next,
    int,
    exponential: (mean) => -mean * Math.log(1 - next()),
    chance: (probability) => next() < probability,
    pick<T>(items: readonly T[]): T {
      if (items.length === 0) throw new RangeError('nothing to pick from')
      return items[int(items.length)] as T
    },
  }
}

/** Steele, Lea and Flood's SplitMix (OOPSLA 2014) on 32 bits, with the finaliser of MurmurHash3. */
function splitmix32(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    return mixed ^ (mixed >>> 16)
  }
}
