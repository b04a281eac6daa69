import type { Stage } from '../registered-model.ts'

export const comparisons = ['>=', '>', '<=', '<', '==', '!='] as const
export type Comparison = (typeof comparisons)[number]

/** Data that a metric was measured on; without a digest, whichever of that name. */
export interface MetricDataset {
  readonly name: string
  readonly digest: string | undefined
}

export interface NotWorseThan {
  /** Of the version to compare with. */
  readonly alias: string
  /** Which values are better. */
  readonly direction: 'higher' | 'lower'
  /** How much worse is let pass: in the metric's unit, or as a share of the other's value. */
  readonly tolerance: number
  readonly isRelative: boolean
}

/** What a version must fulfil to be moved. */
export type Condition =
  /**
   * A metric's newest value: of the version's logged model, else of its run. All that is given must hold; NaN holds
   * nothing. With `notWorseThan`, both versions must be measured on the same data where the data are known.
   */
  | {
      readonly kind: 'metric'
      readonly key: string
      readonly dataset: MetricDataset | undefined
      readonly min: number | undefined
      readonly max: number | undefined
      readonly compare: { readonly op: Comparison; readonly value: number } | undefined
      readonly notWorseThan: NotWorseThan | undefined
    }
  /** What callers of the other version send must still be accepted, and what they read must still be there. */
  | { readonly kind: 'signature'; readonly compatibleWith: string }
  /**
   * The version has a drift baseline, frozen statistics of its reference data: a file `drift-baseline.json` in its
   * folder, or a tag `slipway.driftBaseline` that says where it is.
   */
  | { readonly kind: 'driftBaseline' }
  /** So many people approved, and none of those who may rejects. `from`: who may; undefined for everybody. */
  | {
      readonly kind: 'approval'
      readonly count: number
      readonly from: readonly string[] | undefined
      /** Whether who registered the version, or ran its training, doesn't count. */
      readonly notAuthor: boolean
    }
  /** The version has the tag, with the value where one is given. */
  | { readonly kind: 'tag'; readonly key: string; readonly value: string | undefined }
  /** The version's files carry a signature that a trusted key or certificate made. */
  | { readonly kind: 'signed' }

/** Which moves a rule is about: aliases by a pattern where `*` stands for any characters, or a stage. */
export type RuleTarget =
  | { readonly kind: 'alias'; readonly pattern: string }
  | { readonly kind: 'stage'; readonly stage: Stage }

export interface PolicyRule {
  readonly target: RuleTarget
  readonly conditions: readonly Condition[]
}

/** What guards a model's aliases and stages. All conditions of all rules that are about a move must hold. */
export interface PromotionPolicy {
  readonly rules: readonly PolicyRule[]
}

/** Where a version is to go. */
export type MoveTarget =
  | { readonly kind: 'alias'; readonly alias: string }
  | { readonly kind: 'stage'; readonly stage: Stage }

/** Whether a text fits a pattern whose `*` stand for any characters. Takes time in proportion to the product of their lengths. */
export const fitsPattern = (text: string, pattern: string): boolean => {
  let at = 0
  let place = 0
  let star = -1
  let resume = 0
  while (at < text.length) {
    if (place < pattern.length && pattern[place] === '*') {
      star = place++
      resume = at
    } else if (place < pattern.length && pattern[place] === text[at]) {
      at++
      place++
    } else if (star >= 0) {
      place = star + 1
      at = ++resume
    } else return false
  }
  while (pattern[place] === '*') place++
  return place === pattern.length
}

/** The rules that are about a move. */
export const rulesFor = (policy: PromotionPolicy, target: MoveTarget): readonly PolicyRule[] =>
  policy.rules.filter((rule) =>
    target.kind === 'alias'
      ? rule.target.kind === 'alias' && fitsPattern(target.alias, rule.target.pattern)
      : rule.target.kind === 'stage' && rule.target.stage === target.stage,
  )

/** A target as messages name it: `@champion` or `stage Production`. */
export const targetText = (target: MoveTarget): string =>
  target.kind === 'alias' ? `@${target.alias}` : `stage ${target.stage}`
