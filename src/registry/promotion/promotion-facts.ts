import type { ModelSignature } from './model-signature.ts'
import type { MoveTarget } from './policy.ts'

/** A metric's newest value: on one data set for a logged model, on any for a run. */
export interface Measurement {
  readonly key: string
  /** May be NaN or infinite. */
  readonly value: number
  /** What it was measured on; undefined where nobody said. */
  readonly dataset: { readonly name: string; readonly digest: string } | undefined
}

/** A version's signature, or why it isn't known. */
export type SignatureFact =
  | { readonly kind: 'known'; readonly signature: ModelSignature }
  | { readonly kind: 'none' }
  | { readonly kind: 'unreadable'; readonly reason: string }

export interface Decision {
  readonly person: string
  readonly decision: 'approved' | 'rejected'
}

/** What is known of a version that a policy compares with. */
export interface ComparedFacts {
  readonly version: number
  readonly measurements: readonly Measurement[]
  readonly signature: SignatureFact
}

/** All that a decision is made of. */
export interface PromotionFacts extends ComparedFacts {
  readonly target: MoveTarget
  readonly tags: ReadonlyMap<string, string>
  readonly hasDriftBaseline: boolean
  /** Who registered the version, and who ran its training. */
  readonly authors: readonly string[]
  readonly decisions: readonly Decision[]
  /** Undefined when a trusted signature was verified, else why not. */
  readonly unsignedBecause: string | undefined
  /** The versions that aliases point at, of the aliases that the policy names; those that don't exist are left out. */
  readonly aliased: ReadonlyMap<string, ComparedFacts>
}

export interface Judgement {
  readonly passed: boolean
  readonly reason: string
}

/** What a condition compares with: a version, or nothing, which is let pass or not. */
export type Reference =
  | { readonly kind: 'version'; readonly facts: ComparedFacts }
  | ({ readonly kind: 'none' } & Judgement)
