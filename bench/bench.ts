/** What the command line asks of a bench. */
export interface BenchOptions {
  /** Parts of it by name; all when empty. */
  readonly parts: readonly string[]
  readonly json: boolean
  readonly quick: boolean
  /** Ends with 1 when a figure misses its target. */
  readonly check: boolean
}

/** A bench by name. */
export interface Bench {
  readonly name: string
  readonly doc: string
  /** What may be measured alone: name and what it is. */
  readonly parts: readonly { readonly name: string; readonly doc: string }[]
  /** Gives the exit code. */
  run(options: BenchOptions): Promise<number>
}
