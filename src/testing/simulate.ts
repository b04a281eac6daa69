import { reasonOf } from '../lib/index.ts'
import { seededRandom, type SeededRandom } from './seeded-random.ts'

/** How many seeds to run, counted from 1, or the one to replay. */
export type Seeds = number | { readonly replay: number }

/** Enough to meet most orderings of a small system, few enough for every run of the tests. */
export const seedsDefault = 200

/**
 * Runs a simulation once for each seed, one after another, and stops at the first that fails with an error that
 * names the seed; its cause is the original error.
 */
export async function simulate(
  seeds: Seeds,
  run: (random: SeededRandom, seed: number) => void | Promise<void>,
): Promise<void> {
  const [first, last] = typeof seeds === 'number' ? [1, seeds] : [seeds.replay, seeds.replay]
  for (let seed = first; seed <= last; seed++) {
    try {
      await run(seededRandom(seed), seed)
    } catch (error) {
      const message = reasonOf(error)
      throw new Error(`seed ${seed}: ${message} (again: simulate({ replay: ${seed} }, …))`, {
        cause: error,
      })
    }
  }
}
