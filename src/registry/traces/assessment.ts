import type { Tag } from '../experiment.ts'

export const assessmentKinds = ['feedback', 'expectation', 'issue'] as const
export type AssessmentKind = (typeof assessmentKinds)[number]

/** What somebody, or a judge, says of a trace: feedback on it, or what it should have been. */
export interface Assessment {
  readonly assessmentId: string
  readonly traceId: string
  readonly kind: AssessmentKind
  readonly name: string
  /** The value and what comes with it, as JSON text of an object whose shape is the kind's. */
  readonly content: string
  readonly sourceType: string
  readonly sourceId: string
  readonly spanId: string | undefined
  readonly rationale: string | undefined
  readonly metadata: readonly Tag[]
  /** The assessment that this one replaces. */
  readonly overrides: string | undefined
  /** False once another one replaced it. */
  readonly valid: boolean
  /** Unix ms. */
  readonly createTime: number
  readonly lastUpdateTime: number
}

/** An assessment as it is asked for. */
export interface NewAssessment extends Omit<
  Assessment,
  'assessmentId' | 'traceId' | 'valid' | 'createTime' | 'lastUpdateTime'
> {
  /** The client's own id, when it gave one. */
  readonly assessmentId?: string | undefined
  readonly createTime: number | undefined
  readonly lastUpdateTime: number | undefined
}

export interface AssessmentChange {
  readonly name?: string | undefined
  readonly kind?: AssessmentKind | undefined
  readonly content?: string | undefined
  readonly rationale?: string | undefined
  /** Joined with the metadata that is there. */
  readonly metadata?: readonly Tag[] | undefined
}
