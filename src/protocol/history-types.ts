import type { StageName } from './registry-types.ts'

export interface AliasChangeView {
  readonly time: number
  readonly actor: string
  readonly reason?: string | undefined
  readonly alias: string
  /** Absent when the alias went. */
  readonly version?: number | undefined
  readonly versionBefore?: number | undefined
  /** What brought it about where it wasn't done for itself: `rollback`, or the event that took the alias along. */
  readonly cause?: string | undefined
  /**
   * What the version had passed for each endpoint that follows the alias: `load`, `signature`, `input_example`,
   * `golden_cases`, or `in_memory` for one that had served and was still there. Absent where no endpoint followed.
   */
  readonly checked?: readonly { readonly endpoint: string; readonly checks: readonly string[] }[] | undefined
}

/** A move of an alias that was not made. */
export interface RefusedMoveView {
  readonly time: number
  readonly actor: string
  readonly reason?: string | undefined
  /** Where it was to point. */
  readonly version?: number | undefined
  /** Why it was refused. */
  readonly refused: readonly string[]
}

export interface StageChangeView {
  readonly time: number
  readonly actor: string
  readonly reason?: string | undefined
  readonly stage?: StageName | undefined
  readonly stageBefore?: StageName | undefined
}
