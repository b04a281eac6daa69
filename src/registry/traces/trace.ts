import type { Tag } from '../experiment.ts'
import type { Assessment } from './assessment.ts'

export const traceStates = ['STATE_UNSPECIFIED', 'IN_PROGRESS', 'OK', 'ERROR'] as const
export type TraceState = (typeof traceStates)[number]

/** What is known of a trace without its spans. */
export interface TraceInfo {
  /** `tr-` and the 32 hex digits of OpenTelemetry's id; older clients' are 32 hex digits. */
  readonly traceId: string
  readonly experimentId: string
  /** Unix ms of the start. */
  readonly timestampMs: number
  /** Undefined while it runs. */
  readonly durationMs: number | undefined
  readonly state: TraceState
  readonly clientRequestId: string | undefined
  readonly requestPreview: string | undefined
  readonly responsePreview: string | undefined
  readonly artifactUri: string
  /** False when the spans are in a file that the client uploaded. */
  readonly spansHere: boolean
  readonly tags: readonly Tag[]
  readonly metadata: readonly Tag[]
  readonly assessments: readonly Assessment[]
}

export type SpanStatus = 'UNSET' | 'OK' | 'ERROR'

/** Attributes by name, each value as JSON text: numbers keep all their digits. */
export type Attributes = ReadonlyMap<string, string>

export interface SpanEvent {
  readonly name: string
  /** Unix ns. */
  readonly timeNs: bigint
  readonly attributes: Attributes
}

export interface SpanLink {
  /** 32 hex digits. */
  readonly traceId: string
  /** 16 hex digits. */
  readonly spanId: string
  readonly attributes: Attributes
}

export interface Span {
  readonly traceId: string
  /** 16 hex digits. */
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly name: string
  readonly status: SpanStatus
  readonly statusMessage: string
  /** Unix ns. */
  readonly startNs: bigint
  /** Undefined while it runs. */
  readonly endNs: bigint | undefined
  /** OpenTelemetry's SpanKind, 0 to 5. */
  readonly kind: number
  readonly traceState: string
  readonly attributes: Attributes
  readonly events: readonly SpanEvent[]
  readonly links: readonly SpanLink[]
}

/** A span as it arrives, with what the sender says of itself. */
export interface ReceivedSpan extends Span {
  readonly resource: Attributes
}

/** Names that MLflow gives a meaning. */
export const traceTags = {
  name: 'mlflow.traceName',
  artifactLocation: 'mlflow.artifactLocation',
  spansLocation: 'mlflow.trace.spansLocation',
  archiveLocation: 'mlflow.trace.archiveLocation',
  archivalFailure: 'mlflow.trace.archivalFailure',
  linkedPrompts: 'mlflow.linkedPrompts',
} as const

export const traceMetadata = {
  sourceRun: 'mlflow.sourceRun',
  tokenUsage: 'mlflow.trace.tokenUsage',
  sizeStats: 'mlflow.trace.sizeStats',
  user: 'mlflow.trace.user',
  session: 'mlflow.trace.session',
} as const

export const spanAttributes = {
  traceId: 'mlflow.traceRequestId',
  inputs: 'mlflow.spanInputs',
  outputs: 'mlflow.spanOutputs',
  type: 'mlflow.spanType',
  usage: 'mlflow.chat.tokenUsage',
  model: 'mlflow.llm.model',
  provider: 'mlflow.llm.provider',
  tagPrefix: 'mlflow.traceTag.',
} as const

/** Most of each; what is longer is cut, and what is more is refused. */
export const traceLimits = {
  /** Spans of one trace. */
  spans: 50_000,
  key: 250,
  tagValue: 8000,
  metadataValue: 8000,
  preview: 10_000,
  /** Characters of a preview that is made here; MLflow's. */
  previewMade: 1000,
  /** Traces named in one request. */
  traceIds: 1000,
  /** Traces linked to a run in one request; MLflow's. */
  links: 100,
  assessmentsOfTrace: 1000,
} as const
