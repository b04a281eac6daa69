export { requireArtifactPath } from './artifact-path.ts'
export { type Artifact, type ArtifactEntry } from './artifact-store.ts'
export type { Actor, EventKind, RegistryEvent } from './event-log.ts'
export type { Experiment, Tag, View } from './experiment.ts'
export { type LoggedModel, loggedModelStatuses } from './logged-model.ts'
export { historyPageMax, samplePointsMax, sampleRunsMax } from './metric-history.ts'
export { registryMigrations } from './migrations.ts'
export type { ModelVersion, RegisteredModel } from './registered-model.ts'
export { openRegistry, type Registry } from './registry.ts'
export { type Dataset, type LoggedMetric, type Metric, type Run, type RunInfo, runStatuses } from './run.ts'
export type { RunMetric } from './metric-history.ts'
export { SearchError } from './search/search-error.ts'
export { artifactsPath } from './source-uri.ts'
export {
  type Assessment,
  type AssessmentChange,
  type AssessmentKind,
  assessmentKinds,
  type NewAssessment,
} from './traces/assessment.ts'
export type { SpansKept } from './traces/span-store.ts'
export {
  type Attributes,
  type ReceivedSpan,
  type Span,
  type SpanEvent,
  type SpanLink,
  type SpanStatus,
  type TraceInfo,
  type TraceState,
  traceStates,
} from './traces/trace.ts'
