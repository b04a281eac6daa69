import type { Done, KeyValue, OfModel, OfVersion, Page, PageQuery, Reasoned } from './common-types.ts'

/** What operations on registered models, their versions and promotion take and give. Times are Unix ms. */

export type StageName = 'None' | 'Staging' | 'Production' | 'Archived'

export interface ModelVersionView {
  readonly name: string
  readonly version: number
  readonly creationTime: number
  readonly lastUpdatedTime: number
  readonly description: string
  readonly userId: string
  readonly stage: StageName
  readonly source: string
  readonly runId: string
  readonly modelId: string
  readonly status: string
  readonly tags: readonly KeyValue[]
  readonly aliases: readonly string[]
}

export interface RegisteredModelView {
  readonly name: string
  readonly description: string
  readonly creationTime: number
  readonly lastUpdatedTime: number
  readonly tags: readonly KeyValue[]
  readonly aliases: readonly { readonly alias: string; readonly version: number }[]
  /** The newest version of each stage. */
  readonly latestVersions: readonly ModelVersionView[]
}

/** An alias of a registered model moved, appeared or went. */
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

/** Whether a version's files are what was registered. */
export interface IntegrityView {
  readonly intact: boolean
  readonly files: number
  readonly bytes: number
  readonly sealedDigest: string
  readonly problems: readonly { readonly path: string; readonly problem: string }[]
}

/** What a version's signature was found to be; `unknown` when nobody looked. */
export interface SignatureStateView {
  readonly state: 'verified' | 'unsigned' | 'failed' | 'unknown'
  readonly signer?: string
  readonly reason?: string
  readonly checkedTime?: number
}

/** What a policy says of a move: the outcome of each of its conditions. */
export interface VerdictView {
  readonly allowed: boolean
  readonly results: readonly { readonly passed: boolean; readonly reason: string }[]
}

export interface DecisionOfPerson {
  readonly person: string
  readonly decision: 'approved' | 'rejected'
  readonly reason: string
  readonly time: number
}

export interface PromotionPolicyView {
  readonly model: string
  readonly document: object
  readonly updatedBy: string
  readonly updatedTime: number
}

/** A name that clients call, and what it follows. */
export interface EndpointView {
  readonly name: string
  /** `models:/NAME@ALIAS`, `models:/NAME/VERSION`, `models:/NAME/latest`, `models:/NAME/STAGE` or `runs:/RUN/PATH`. */
  readonly reference: string
  /** The registered model; absent for files of a run. */
  readonly model?: string
  /** The version that it stands for. */
  readonly version?: number
  readonly createdBy: string
  readonly createdTime: number
}

export interface ModelApi {
  'registeredModels.search': { input: PageQuery; output: Page<RegisteredModelView> }
  'registeredModels.create': {
    input: OfModel & { readonly description?: string; readonly tags?: readonly KeyValue[] }
    output: RegisteredModelView
  }
  'registeredModels.get': { input: OfModel; output: RegisteredModelView }
  'registeredModels.rename': { input: OfModel & Reasoned & { readonly newName: string }; output: RegisteredModelView }
  'registeredModels.describe': {
    input: OfModel & { readonly description: string }
    output: RegisteredModelView
  }
  'registeredModels.delete': { input: OfModel & Reasoned; output: Done }
  'registeredModels.setTag': { input: OfModel & KeyValue; output: Done }
  'registeredModels.deleteTag': { input: OfModel & { readonly key: string }; output: Done }
  'registeredModels.setAlias': {
    input: OfModel & Reasoned & { readonly alias: string; readonly version: string }
    output: ModelVersionView
  }
  'registeredModels.deleteAlias': { input: OfModel & Reasoned & { readonly alias: string }; output: Done }
  'registeredModels.aliased': { input: OfModel & { readonly alias: string }; output: ModelVersionView }
  'modelVersions.search': { input: PageQuery; output: Page<ModelVersionView> }
  'modelVersions.create': {
    input: OfModel & {
      /** `runs:/RUN/PATH`, `models:/m-ID`, `models:/NAME/VERSION` or an `mlflow-artifacts:` URI. */
      readonly source: string
      readonly runId?: string
      readonly description?: string
      readonly tags?: readonly KeyValue[]
    }
    output: ModelVersionView
  }
  'modelVersions.get': { input: OfVersion; output: ModelVersionView }
  'modelVersions.describe': { input: OfVersion & { readonly description: string }; output: ModelVersionView }
  'modelVersions.move': {
    input: OfVersion & Reasoned & { readonly stage: StageName; readonly archiveExisting?: boolean }
    output: ModelVersionView
  }
  'modelVersions.delete': { input: OfVersion & Reasoned; output: Done }
  'modelVersions.setTag': { input: OfVersion & KeyValue; output: Done }
  'registeredModels.aliasHistory': {
    input: OfModel & { readonly alias: string }
    output: { readonly items: readonly AliasChangeView[] }
  }
  /** What an alias was at a time; no change when there was none. */
  'registeredModels.aliasAt': {
    input: OfModel & { readonly alias: string; readonly time: number }
    output: { readonly version?: number; readonly since?: AliasChangeView }
  }
  'modelVersions.stageHistory': { input: OfVersion; output: { readonly items: readonly StageChangeView[] } }
  'modelVersions.verify': { input: OfVersion; output: IntegrityView }
  'modelVersions.signature': { input: OfVersion; output: SignatureStateView }
  'promotion.setPolicy': {
    /** The policy is YAML or JSON. */
    input: OfModel & Reasoned & { readonly policy: string }
    output: PromotionPolicyView
  }
  'promotion.policy': { input: OfModel; output: { readonly policy?: PromotionPolicyView } }
  'promotion.deletePolicy': { input: OfModel & Reasoned; output: Done }
  'promotion.approve': { input: OfVersion & Reasoned; output: DecisionOfPerson }
  'promotion.reject': { input: OfVersion & Reasoned; output: DecisionOfPerson }
  'promotion.withdraw': { input: OfVersion & Reasoned; output: Done }
  'promotion.decisions': { input: OfVersion; output: { readonly items: readonly DecisionOfPerson[] } }
  'promotion.check': {
    /** One of alias and stage. */
    input: OfVersion & { readonly alias?: string; readonly stage?: StageName }
    output: VerdictView
  }
  'endpoints.list': { input: Done; output: { readonly items: readonly EndpointView[] } }
  'endpoints.get': { input: OfModel; output: EndpointView }
  'endpoints.put': {
    /** Without `wait` (the default is true) it is made at once and loaded afterwards. */
    input: OfModel & Reasoned & { readonly reference: string; readonly wait?: boolean }
    output: EndpointView
  }
  'endpoints.delete': { input: OfModel & Reasoned; output: Done }
  'endpoints.rollback': { input: OfModel & Reasoned & { readonly version?: string }; output: EndpointView }
  'endpoints.history': { input: OfModel; output: { readonly items: readonly AliasChangeView[] } }
  'endpoints.refusals': { input: OfModel; output: { readonly items: readonly RefusedMoveView[] } }
  'modelVersions.deleteTag': { input: OfVersion & { readonly key: string }; output: Done }
}
