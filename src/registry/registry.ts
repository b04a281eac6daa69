import type { Clock, Random } from '../lib/index.ts'
import type { BlobStore, Database } from '../ports/index.ts'
import type { DatasetSummary } from './dataset-summaries.ts'
import { datasetSummaries } from './dataset-summaries.ts'
import { ArtifactStore } from './artifact-store.ts'
import { EndpointMoves } from './endpoints/endpoint-moves.ts'
import { EndpointStore } from './endpoints/endpoint-store.ts'
import type { MoveGuard } from './endpoints/move-guard.ts'
import { unguarded } from './endpoints/move-guard.ts'
import { EventLog } from './event-log.ts'
import { defaultExperimentId } from './experiment.ts'
import { ExperimentStore } from './experiment-store.ts'
import { GarbageCollector } from './gc/garbage-collector.ts'
import { SweptBlobs } from './gc/swept-blobs.ts'
import { AuditLog } from './history/audit-log.ts'
import { ModelHistory } from './history/model-history.ts'
import { ImportStore } from './import/import-store.ts'
import { KnownFiles } from './known-files.ts'
import { Lineage } from './lineage/lineage.ts'
import { LoggedModelStore } from './logged-model-store.ts'
import { MetricHistory } from './metric-history.ts'
import { ModelStore } from './model-store.ts'
import { PromotionGate } from './promotion/promotion-gate.ts'
import { PromotionStore } from './promotion/promotion-store.ts'
import { RunLog } from './run-log.ts'
import { RunStore } from './run-store.ts'
import type { SigningTrust } from './signing/signing-trust.ts'
import { noSigning } from './signing/signing-trust.ts'
import { VersionIntegrity } from './signing/version-integrity.ts'
import { VersionSignatures } from './signing/version-signatures.ts'
import { SourceResolver } from './source-resolver.ts'
import { AssessmentStore } from './traces/assessment-store.ts'
import { SpanStore } from './traces/span-store.ts'
import { TraceStore } from './traces/trace-store.ts'
import { UploadStore } from './uploads/upload-store.ts'
import type { IsServed } from './uses/version-uses.ts'
import { VersionUses } from './uses/version-uses.ts'
import { VersionSeals } from './version-seals.ts'
import { VersionStore } from './version-store.ts'
import type { DeliveryLoop } from './webhooks/delivery-loop.ts'
import type { DeliveryStore } from './webhooks/delivery-store.ts'
import { WebhookOutbox } from './webhooks/event-outbox.ts'
import type { WebhookWays } from './webhooks/open-webhooks.ts'
import { noWebhooks, openWebhooks } from './webhooks/open-webhooks.ts'
import type { WebhookStore } from './webhooks/webhook-store.ts'

export interface RegistryDeps {
  /** With the registry's migrations applied. */
  readonly db: Database
  /** Where the bytes of artifacts are. */
  readonly blobs: BlobStore
  readonly clock: Clock
  readonly random: Random
  /** 32 hex digits that were never given before. */
  newId(): string
  /** Whose signatures of models count; without it none is asked for. */
  readonly signing?: SigningTrust | undefined
  /** Says why a version can't be deleted, beside the uses that are kept in `inUse`. */
  readonly isServed?: IsServed | undefined
  /** Those who serve endpoints; without, nothing is served here. */
  readonly guard?: MoveGuard | undefined
  /** How webhooks are sent; without it none can be made. */
  readonly webhooks?: WebhookWays | undefined
}

/** Experiments, runs and models: everything that is tracked and registered. */
export interface Registry {
  readonly experiments: ExperimentStore
  readonly runs: RunStore
  readonly log: RunLog
  readonly history: MetricHistory
  readonly loggedModels: LoggedModelStore
  readonly models: ModelStore
  readonly versions: VersionStore
  readonly artifacts: ArtifactStore
  readonly uploads: UploadStore
  readonly traces: TraceStore
  readonly spans: SpanStore
  readonly assessments: AssessmentStore
  /** Where aliases pointed and what stages versions were in, at any time. */
  readonly modelHistory: ModelHistory
  readonly audit: AuditLog
  readonly promotion: PromotionStore
  readonly lineage: Lineage
  /** Who uses which version; those can't be deleted. */
  readonly inUse: VersionUses
  /** Names under which models are called. */
  readonly endpoints: EndpointStore
  readonly signatures: VersionSignatures
  readonly integrity: VersionIntegrity
  readonly garbage: GarbageCollector
  /** What comes from other stores, with its ids and times. */
  readonly imports: ImportStore
  readonly webhooks: WebhookStore
  readonly deliveries: DeliveryStore
  /** Sends what webhooks are to be told, from its start to its stop. */
  readonly deliveryLoop: DeliveryLoop
  /** The datasets that runs of up to 20 experiments read. */
  datasets(experimentIds: readonly string[]): Promise<readonly DatasetSummary[]>
}

/** URI of an experiment's artifacts when it names none; clients send the bytes through this server. */
const artifactLocation = (experimentId: string): string => `mlflow-artifacts:/${experimentId}`

/** Opens the registry; the experiment `Default` is made when it isn't there. */
export const openRegistry = async (deps: RegistryDeps): Promise<Registry> => {
  const { blobs, clock, random, newId } = deps
  const outbox = new WebhookOutbox(newId)
  const db = outbox.watch(deps.db)
  const events = new EventLog(clock, outbox)
  const nowMs = clock.wallMs()
  const swept = new SweptBlobs({ db, blobs, clock })
  const artifacts = new ArtifactStore({ db, blobs, clock, events, swept })
  const seals = new VersionSeals(artifacts)
  await db.query(
    `INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time)
     VALUES (?, 'Default', ?, 'active', ?, ?) ON CONFLICT DO NOTHING`,
    [Number(defaultExperimentId), artifactLocation(defaultExperimentId), nowMs, nowMs],
  )
  const assessments = new AssessmentStore({ db, clock, newId })
  const files = new KnownFiles(blobs)
  const signatures = new VersionSignatures({ db, clock, events, files, trust: deps.signing ?? noSigning })
  const gate = new PromotionGate({ db, events, files, signatures })
  const uses = new VersionUses({ db, clock, isServed: deps.isServed })
  const moves = new EndpointMoves({ db, clock, events, seals, uses, guard: deps.guard ?? unguarded })
  const guarded = { db, clock, events, seals, gate, uses, endpoints: moves }
  const models = new ModelStore(guarded)
  const modelHistory = new ModelHistory(db)
  const traces = new TraceStore({ db, clock, assessments, newId })
  const sources = new SourceResolver()
  return {
    experiments: new ExperimentStore({ db, clock, events, defaultArtifactLocation: artifactLocation }),
    runs: new RunStore({ db, clock, random, events, newId }),
    log: new RunLog({ db, events }),
    history: new MetricHistory(db),
    loggedModels: new LoggedModelStore({ db, clock, random, events, newId }),
    models,
    versions: new VersionStore({ ...guarded, sources, signatures }),
    modelHistory,
    endpoints: new EndpointStore({ db, clock, events, moves, models, history: modelHistory, artifacts, seals, uses }),
    audit: new AuditLog(db),
    promotion: new PromotionStore({ db, clock, events, gate }),
    lineage: new Lineage(db),
    inUse: uses,
    signatures,
    integrity: new VersionIntegrity({ db, blobs, events }),
    imports: new ImportStore({ ...guarded, sources, signatures, defaultArtifactLocation: artifactLocation }),
    artifacts,
    uploads: new UploadStore({ db, clock, artifacts }),
    traces,
    spans: new SpanStore(db),
    assessments,
    garbage: new GarbageCollector({ db, blobs, clock, events, traces, swept }),
    ...openWebhooks({ db, clock, random, events, outbox, newId }, deps.webhooks ?? noWebhooks),
    datasets: (experimentIds) => datasetSummaries(db, experimentIds),
  }
}
