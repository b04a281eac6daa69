/** A source of random numbers; production uses the platform's, tests a seeded one. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number
}

export const systemRandom: Random = { next: () => Math.random() }
