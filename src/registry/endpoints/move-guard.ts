import type { ServedFiles } from './endpoint.ts'

/** An endpoint that is about to stand for other files than it does now. */
export interface PlannedMove {
  readonly endpoint: string
  readonly files: ServedFiles
  /** Whether it is being made: then there is nothing that it would go on with. */
  readonly isNew: boolean
}

/** What a version was asked before it took over; `in_memory` is one that had served and was still there, and was asked nothing. */
export type MoveCheck = 'load' | 'signature' | 'input_example' | 'golden_cases' | 'in_memory'

export interface EndpointChecks {
  readonly endpoint: string
  readonly checks: readonly MoveCheck[]
}

/** Files that are loaded and checked beside those that serve, ready to take over at once. */
export interface PreparedMoves {
  /** Of each endpoint that is ready what its version has passed. */
  readonly checked: readonly EndpointChecks[]
  /** Switches, or gives up what was prepared; resolved once requests meet the result. */
  settle(isCommitted: boolean): Promise<void>
}

/** Those who serve, as far as the registry asks them. Never called inside a transaction. */
export interface MoveGuard {
  /**
   * Fails when one of the moves can't be made: it doesn't load, or fails a check. What serves goes on serving then.
   * `gone` is aborted once nobody waits for the moves any more: they are given up then, loaded or not.
   */
  prepare(moves: readonly PlannedMove[], gone?: AbortSignal): Promise<PreparedMoves>
  /** Told when endpoints have changed in other ways; resolved once that has been followed. */
  changed(): Promise<void>
}

/** For processes that serve nothing. */
export const unguarded: MoveGuard = {
  prepare: () => Promise.resolve({ checked: [], settle: () => Promise.resolve() }),
  changed: () => Promise.resolve(),
}
