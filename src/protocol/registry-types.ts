/** What the registry's operations take and give. Times are Unix ms. */

import type { AliasChangeView, RefusedMoveView, StageChangeView } from './history-types.ts'
import type { ImportApi } from './import-types.ts'
import type { DatasetInput, LoggedMetricView, TrackingApi } from './tracking-types.ts'

export interface KeyValue {
  readonly key: string
  readonly value: string
}

export interface PageQuery {
  /** In MLflow's search language, with OR, NOT and parentheses. */
  readonly filter?: string
  readonly orderBy?: readonly string[]
  /** Items a page. */
  readonly limit?: number
  /** From the page before. */
  readonly pageToken?: string
}

export interface Page<Item> {
  readonly items: readonly Item[]
  /** Absent at the end. */
  readonly nextPageToken?: string
}

export type ViewName = 'active' | 'deleted' | 'all'

export interface ExperimentView {
  readonly experimentId: string
  readonly name: string
  readonly artifactLocation: string
  readonly lifecycleStage: 'active' | 'deleted'
  readonly creationTime: number
  readonly lastUpdateTime: number
  readonly tags: readonly KeyValue[]
}

/** A number as JSON carries it. */
export type MetricValue = number | 'NaN' | 'Infinity' | '-Infinity'

export interface MetricView {
  readonly key: string
  readonly value: MetricValue
  readonly timestamp: number
  readonly step: number
}

export type RunStatusName = 'RUNNING' | 'SCHEDULED' | 'FINISHED' | 'FAILED' | 'KILLED'

export interface RunView {
  readonly runId: string
  readonly experimentId: string
  readonly name: string
  readonly userId: string
  readonly status: RunStatusName
  readonly startTime?: number | undefined
  readonly endTime?: number | undefined
  readonly artifactUri: string
  readonly lifecycleStage: 'active' | 'deleted'
  /** The newest value of each metric. */
  readonly metrics: readonly MetricView[]
  readonly params: readonly KeyValue[]
  readonly tags: readonly KeyValue[]
  readonly datasets: readonly Omit<DatasetInput, 'schema' | 'profile'>[]
  /** Ids of the logged models that it read and made. */
  readonly modelInputs: readonly string[]
  readonly modelOutputs: readonly string[]
}

export interface ArtifactView {
  readonly path: string
  readonly isFolder: boolean
  readonly bytes?: number | undefined
}

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
export interface AuditEventView {
  readonly sequence: number
  readonly time: number
  readonly actor: string
  readonly kind: string
  readonly subject: { readonly type: string; readonly id: string; readonly name?: string | undefined }
  readonly reason?: string | undefined
  readonly details: Readonly<Record<string, unknown>>
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

export type LineageKindName = 'dataset' | 'run' | 'logged_model' | 'version' | 'alias' | 'endpoint'

export interface LineageView {
  readonly nodes: readonly {
    readonly kind: LineageKindName
    readonly id: string
    readonly depth: number
    readonly facts: Readonly<Record<string, string | number>>
  }[]
  /** From and to are `KIND:ID`, in the direction in which data flow. */
  readonly edges: readonly { readonly from: string; readonly to: string; readonly kind: string }[]
  readonly truncated: boolean
}

/** What is removed for good, and what stays. */
export interface GarbageItemView {
  readonly kind: 'upload' | 'run' | 'logged_model' | 'experiment' | 'blob'
  readonly id: string
  readonly name: string
  /** `goes` where nothing was removed yet, `gone` where it was. */
  readonly verdict: 'goes' | 'gone' | 'kept'
  readonly reason: string
  /** Files that it names, and their bytes. */
  readonly files: number
  readonly bytes: number
  /** Of those the bytes that nothing else names; they are freed when their blobs go. */
  readonly bytesAlone: number
}

export interface GarbagePageView extends Page<GarbageItemView> {
  /** Blobs that something names, as far as this page looked. */
  readonly blobsInUse: number
}

interface GarbageInput {
  /** How long ago something must have been deleted; 30 days, or no time at all for what is named. */
  readonly olderThanMs?: number
  /** How long a file must have been stored before it can count as unused; an hour. */
  readonly blobAgeMs?: number
  readonly runIds?: readonly string[]
  readonly loggedModelIds?: readonly string[]
  /** With their runs. */
  readonly experimentIds?: readonly string[]
  readonly limit?: number
  readonly pageToken?: string
}

export type WebhookStatusName = 'ACTIVE' | 'DISABLED'

export interface WebhookView {
  readonly webhookId: string
  readonly name: string
  readonly url: string
  readonly description: string
  /** `registered_model.created` and the like. */
  readonly events: readonly string[]
  readonly status: WebhookStatusName
  readonly creationTime: number
  readonly lastUpdatedTime: number
  /** Whether it has a secret, which is never told. */
  readonly isSigned: boolean
}

export type DeliveryStatusName = 'pending' | 'delivered' | 'failed'

/** What became of telling a webhook of an event. */
export interface DeliveryView {
  /** As the receiver was told it; the same through every attempt and replay. */
  readonly deliveryId: string
  readonly webhookId: string
  readonly event: string
  readonly status: DeliveryStatusName
  readonly attempts: number
  readonly createdTime: number
  readonly dueTime?: number | undefined
  /** Of the last attempt, as all that follows. */
  readonly attemptTime?: number | undefined
  readonly durationMs?: number | undefined
  readonly responseStatus?: number | undefined
  readonly responseBody?: string | undefined
  readonly error?: string | undefined
}

export interface WebhookTestView {
  readonly success: boolean
  readonly responseStatus?: number | undefined
  readonly responseBody?: string | undefined
  readonly error?: string | undefined
}

interface WebhookFields {
  readonly name: string
  readonly url: string
  readonly events: readonly string[]
  readonly description?: string
  /** Signs what is sent; an empty one takes the signature away. */
  readonly secret?: string
  readonly status?: WebhookStatusName
}
interface OfWebhook {
  readonly webhookId: string
}
interface OfExperiment {
  readonly experimentId: string
}
interface OfRun {
  readonly runId: string
}
interface OfModel {
  readonly name: string
}
interface OfVersion extends OfModel {
  readonly version: string
}
/** Why something is done; kept in the history. */
interface Reasoned {
  readonly reason?: string
}
type Done = Readonly<Record<never, never>>

/** Every operation of the registry: what it takes, and what it gives. */
export interface RegistryApi extends ImportApi, TrackingApi {
  'experiments.search': { input: PageQuery & { readonly view?: ViewName }; output: Page<ExperimentView> }
  'experiments.create': {
    input: { readonly name: string; readonly artifactLocation?: string; readonly tags?: readonly KeyValue[] }
    output: ExperimentView
  }
  'experiments.get': { input: OfExperiment; output: ExperimentView }
  'experiments.rename': { input: OfExperiment & { readonly name: string }; output: ExperimentView }
  'experiments.delete': { input: OfExperiment; output: Done }
  'experiments.restore': { input: OfExperiment; output: Done }
  'experiments.setTag': { input: OfExperiment & KeyValue; output: Done }
  'experiments.deleteTag': { input: OfExperiment & { readonly key: string }; output: Done }
  'runs.search': {
    input: PageQuery & { readonly experimentIds: readonly string[]; readonly view?: ViewName }
    output: Page<RunView>
  }
  'runs.create': {
    input: {
      readonly experimentId?: string
      readonly name?: string
      readonly userId?: string
      readonly startTime?: number
      readonly tags?: readonly KeyValue[]
    }
    output: RunView
  }
  'runs.get': { input: OfRun; output: RunView }
  'runs.update': {
    input: OfRun & { readonly status?: RunStatusName; readonly endTime?: number; readonly name?: string }
    output: RunView
  }
  'runs.log': {
    input: OfRun & {
      readonly metrics?: readonly LoggedMetricView[]
      readonly params?: readonly KeyValue[]
      readonly tags?: readonly KeyValue[]
    }
    output: Done
  }
  'runs.history': {
    input: OfRun & { readonly key: string; readonly limit?: number; readonly pageToken?: string }
    output: Page<MetricView>
  }
  'runs.artifacts': { input: OfRun & { readonly path?: string }; output: Page<ArtifactView> }
  'runs.delete': { input: OfRun; output: Done }
  'runs.restore': { input: OfRun; output: Done }
  'runs.setTag': { input: OfRun & KeyValue; output: Done }
  'runs.deleteTag': { input: OfRun & { readonly key: string }; output: Done }
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
  'lineage.graph': {
    input: {
      readonly kind: LineageKindName
      readonly id: string
      readonly direction?: 'upstream' | 'downstream' | 'both'
      readonly depth?: number
    }
    output: LineageView
  }
  'audit.search': {
    input: {
      readonly model?: string
      readonly kind?: string
      readonly actor?: string
      readonly from?: number
      readonly to?: number
      readonly limit?: number
      readonly pageToken?: string
    }
    output: Page<AuditEventView>
  }
  'garbage.plan': { input: GarbageInput; output: GarbagePageView }
  'garbage.collect': { input: GarbageInput & Reasoned; output: GarbagePageView }
  'webhooks.list': { input: { readonly limit?: number; readonly pageToken?: string }; output: Page<WebhookView> }
  'webhooks.create': { input: WebhookFields; output: WebhookView }
  'webhooks.get': { input: OfWebhook; output: WebhookView }
  'webhooks.update': { input: OfWebhook & Partial<WebhookFields>; output: WebhookView }
  'webhooks.delete': { input: OfWebhook & Reasoned; output: Done }
  'webhooks.test': { input: OfWebhook & { readonly event?: string }; output: WebhookTestView }
  'webhooks.deliveries': {
    input: OfWebhook & {
      readonly status?: DeliveryStatusName
      readonly limit?: number
      readonly pageToken?: string
    }
    output: Page<DeliveryView>
  }
  'webhooks.replay': { input: OfWebhook & { readonly deliveryId: string }; output: DeliveryView }
  'modelVersions.deleteTag': { input: OfVersion & { readonly key: string }; output: Done }
}

export type RegistryOperationName = keyof RegistryApi
