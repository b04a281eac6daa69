import type { KeyValue, Page, PageQuery } from './common-types.ts'
import type { ModelVersionView } from './model-types.ts'
import type { DatasetInput, MetricView } from './run-types.ts'

export type LoggedModelStatusName =
  | 'LOGGED_MODEL_STATUS_UNSPECIFIED'
  | 'LOGGED_MODEL_PENDING'
  | 'LOGGED_MODEL_READY'
  | 'LOGGED_MODEL_UPLOAD_FAILED'
export type TraceStateName = 'STATE_UNSPECIFIED' | 'IN_PROGRESS' | 'OK' | 'ERROR'
export type AssessmentKindName = 'feedback' | 'expectation' | 'issue'

/** What operations on data sets of runs, logged models, prompts and traces take and give. Times are Unix ms. */

/** A model as it came out of training, before anybody registers it. */
export interface LoggedModelView {
  readonly modelId: string
  readonly experimentId: string
  readonly name: string
  readonly artifactUri: string
  readonly status: LoggedModelStatusName
  readonly modelType: string
  readonly sourceRunId: string
  readonly creationTime: number
  readonly lastUpdatedTime: number
  readonly tags: readonly KeyValue[]
  readonly params: readonly KeyValue[]
  readonly metrics: readonly (MetricView & {
    readonly runId: string
    readonly datasetName: string
    readonly datasetDigest: string
  })[]
  /** The versions that were made of it. */
  readonly registrations: readonly { readonly name: string; readonly version: number }[]
}

export type PromptTypeName = 'text' | 'chat'

export interface PromptView {
  readonly name: string
  readonly description: string
  readonly creationTime: number
  readonly lastUpdatedTime: number
  readonly tags: readonly KeyValue[]
  readonly aliases: readonly { readonly alias: string; readonly version: number }[]
  /** The newest version; absent while it has none. */
  readonly latestVersion?: number | undefined
}

export interface PromptVersionView {
  readonly name: string
  readonly version: number
  /** With variables as `{{name}}`; of a chat the JSON of its messages. */
  readonly template: string
  readonly type: PromptTypeName
  readonly description: string
  readonly userId: string
  readonly creationTime: number
  readonly tags: readonly KeyValue[]
  readonly aliases: readonly string[]
}

/** What somebody, or a judge, says of a trace. */
export interface AssessmentView {
  readonly assessmentId: string
  readonly kind: AssessmentKindName
  readonly name: string
  /** JSON text of `{"value": …}`, with what else its kind has. */
  readonly content: string
  readonly sourceType: string
  readonly sourceId: string
  readonly spanId?: string | undefined
  readonly rationale?: string | undefined
  readonly metadata: readonly KeyValue[]
  /** False once another one replaced it. */
  readonly valid: boolean
  readonly createTime: number
  readonly lastUpdateTime: number
}

export interface TraceView {
  readonly traceId: string
  readonly experimentId: string
  readonly timestamp: number
  /** Absent while it runs. */
  readonly durationMs?: number | undefined
  readonly state: TraceStateName
  readonly clientRequestId?: string | undefined
  readonly requestPreview?: string | undefined
  readonly responsePreview?: string | undefined
  /** Where its files are. */
  readonly artifactUri: string
  readonly tags: readonly KeyValue[]
  readonly metadata: readonly KeyValue[]
  readonly assessments: readonly AssessmentView[]
}

export interface SpanView {
  readonly spanId: string
  readonly parentSpanId?: string | undefined
  readonly name: string
  readonly status: 'UNSET' | 'OK' | 'ERROR'
  readonly statusMessage: string
  /** Unix ns, as text: numbers of JSON can't hold them. */
  readonly startNs: string
  /** Absent while it runs. */
  readonly endNs?: string | undefined
  /** OpenTelemetry's SpanKind. */
  readonly kind: number
  /** Each value is JSON text, so that numbers keep all their digits. */
  readonly attributes: readonly KeyValue[]
  readonly events: readonly {
    readonly name: string
    readonly timeNs: string
    readonly attributes: readonly KeyValue[]
  }[]
}

export interface TraceWithSpans extends TraceView {
  /** Roots first, then in the order of their start; absent where the client uploaded them as a file of its own. */
  readonly spans?: readonly SpanView[]
  /** Whether as many spans are there as the client said it sent. */
  readonly isWhole: boolean
}

interface OfRun {
  readonly runId: string
}
interface OfLoggedModel {
  readonly modelId: string
}
interface OfPrompt {
  readonly name: string
}
interface OfTrace {
  readonly traceId: string
}
type Done = Readonly<Record<never, never>>

/** Operations on what runs read and made, on prompts and on traces. */
export interface TrackingApi {
  'runs.logInputs': {
    input: OfRun & {
      readonly datasets?: readonly DatasetInput[]
      /** Ids of logged models. */
      readonly modelIds?: readonly string[]
    }
    output: Done
  }
  'runs.logOutputs': {
    input: OfRun & { readonly models: readonly { readonly modelId: string; readonly step?: number }[] }
    output: Done
  }
  'loggedModels.search': {
    input: PageQuery & {
      readonly experimentIds: readonly string[]
      /** Only what was measured on one of them. */
      readonly datasets?: readonly { readonly name: string; readonly digest?: string }[]
    }
    output: Page<LoggedModelView>
  }
  'loggedModels.create': {
    input: {
      readonly experimentId: string
      readonly name?: string
      readonly modelType?: string
      readonly sourceRunId?: string
      readonly params?: readonly KeyValue[]
      readonly tags?: readonly KeyValue[]
    }
    output: LoggedModelView
  }
  'loggedModels.get': { input: OfLoggedModel; output: LoggedModelView }
  'loggedModels.finish': {
    input: OfLoggedModel & { readonly status: LoggedModelStatusName }
    output: LoggedModelView
  }
  'loggedModels.delete': { input: OfLoggedModel; output: Done }
  'loggedModels.setTag': { input: OfLoggedModel & KeyValue; output: Done }
  'loggedModels.deleteTag': { input: OfLoggedModel & { readonly key: string }; output: Done }
  'loggedModels.logParams': { input: OfLoggedModel & { readonly params: readonly KeyValue[] }; output: Done }
  'modelVersions.copy': {
    /** `to` is a model, made where it isn't there; tags and description go along. */
    input: { readonly name: string; readonly version: string; readonly to: string; readonly reason?: string }
    output: ModelVersionView
  }
  'prompts.search': { input: PageQuery; output: Page<PromptView> }
  'prompts.register': {
    input: OfPrompt & {
      readonly template: string
      readonly type?: PromptTypeName
      readonly description?: string
      readonly tags?: readonly KeyValue[]
    }
    output: PromptVersionView
  }
  /** The version named, the one of an alias, or the newest. */
  'prompts.load': {
    input: OfPrompt & { readonly version?: string; readonly alias?: string }
    output: PromptVersionView
  }
  'traces.search': {
    input: PageQuery & { readonly experimentIds: readonly string[] }
    output: Page<TraceView>
  }
  'traces.get': { input: OfTrace; output: TraceWithSpans }
  'traces.delete': { input: OfTrace; output: Done }
  'traces.setTag': { input: OfTrace & KeyValue; output: Done }
  'traces.deleteTag': { input: OfTrace & { readonly key: string }; output: Done }
  'traces.assess': {
    input: OfTrace & {
      readonly kind: 'feedback' | 'expectation'
      readonly name: string
      /** JSON text of the value. */
      readonly value: string
      /** `HUMAN` unless it says otherwise. */
      readonly sourceType?: 'HUMAN' | 'CODE' | 'LLM_JUDGE'
      readonly sourceId?: string
      readonly spanId?: string
      readonly rationale?: string
      readonly metadata?: readonly KeyValue[]
      /** The assessment that this one replaces. */
      readonly overrides?: string
    }
    output: AssessmentView
  }
  'traces.deleteAssessment': { input: OfTrace & { readonly assessmentId: string }; output: Done }
}
