export { requireArtifactPath } from './artifact-path.ts'
export { type Artifact, type ArtifactEntry } from './artifact-store.ts'
export { type Endpoint, type EndpointTarget, requireEndpointName, type ServedFiles } from './endpoints/endpoint.ts'
export { parseModelReference } from './endpoints/model-reference.ts'
export {
  type MoveCheck,
  type MoveGuard,
  type PlannedMove,
  type PreparedMoves,
  unguarded,
} from './endpoints/move-guard.ts'
export { type Actor, type EventKind, eventKinds, type RegistryEvent } from './event-log.ts'
export type { Experiment, Tag, View } from './experiment.ts'
export { GcLoop, type GcSchedule } from './gc/gc-loop.ts'
export type { AuditEntry, AuditPage, AuditQuery } from './history/audit-log.ts'
export type { AuditSubject, AuditSubjectType } from './history/audit-subject.ts'
export type { AliasChange, AliasState, StageChange, StageState } from './history/model-history.ts'
export type { LineageDirection, LineageQuery } from './lineage/lineage.ts'
export type { LineageEdge, LineageEdgeKind, LineageGraph, LineageKind, LineageNode } from './lineage/lineage-node.ts'
export { type LoggedModel, loggedModelStatuses } from './logged-model.ts'
export { historyPageMax, samplePointsMax, sampleRunsMax } from './metric-history.ts'
export { registryMigrations } from './migrations.ts'
export { promptTag } from './prompt.ts'
export type { ConditionResult, PolicyVerdict } from './promotion/evaluate-policy.ts'
export type { PolicyDocument } from './promotion/parse-policy.ts'
export type { Condition, MoveTarget } from './promotion/policy.ts'
export type { DecisionView, PolicyView, TargetInput } from './promotion/promotion-store.ts'
export type { ModelVersion, RegisteredModel } from './registered-model.ts'
export { openRegistry, type Registry, type RegistryDeps } from './registry.ts'
export {
  type Dataset,
  type LoggedMetric,
  type Metric,
  type Run,
  type RunInfo,
  type RunInput,
  runStatuses,
} from './run.ts'
export type { RunMetric } from './metric-history.ts'
export { SearchError } from './search/search-error.ts'
export type { ArtifactUpload } from './uploads/upload-store.ts'
export { type KeylessOptions, openKeylessTrust } from './signing/keyless-trust.ts'
export { openSigningTrust, type PemFile, type SigningMode, type SigningTrust } from './signing/signing-trust.ts'
export type { DigestReport, FileProblem } from './signing/version-integrity.ts'
export type { SignatureView } from './signing/version-signatures.ts'
export type { ModelFile, SignatureFinding } from './signing/verify-signature.ts'
export { artifactsPath, keptPath } from './source-uri.ts'
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
export type { IsServed, UsedVersion, VersionUse } from './uses/version-uses.ts'
export type { Delivery, DeliveryStatus } from './webhooks/delivery.ts'
export type { SecretKey } from './webhooks/secret-box.ts'
export {
  type Webhook,
  type WebhookEvent,
  webhookEvents,
  type WebhookStatus,
  webhookStatuses,
} from './webhooks/webhook.ts'
export type { WebhookWays } from './webhooks/open-webhooks.ts'
export { parseAllowed } from './webhooks/destination.ts'
