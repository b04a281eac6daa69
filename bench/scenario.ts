import type { Figure } from './summary.ts'

export interface ScenarioContext {
  /** Shorter and fewer rounds: shows that the bench works, not how fast the server is. */
  readonly quick: boolean
  /** Progress for whoever watches. */
  log(text: string): void
}

/** One thing measured; it starts and stops its own servers. */
export interface Scenario {
  readonly name: string
  readonly doc: string
  run(context: ScenarioContext): Promise<Figure[]>
}
