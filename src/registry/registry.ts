import type { Clock, Random } from '../lib/index.ts'
import type { BlobStore, Database } from '../ports/index.ts'
import type { DatasetSummary } from './dataset-summaries.ts'
import { datasetSummaries } from './dataset-summaries.ts'
import { ArtifactStore } from './artifact-store.ts'
import { EventLog } from './event-log.ts'
import { defaultExperimentId } from './experiment.ts'
import { ExperimentStore } from './experiment-store.ts'
import { LoggedModelStore } from './logged-model-store.ts'
import { MetricHistory } from './metric-history.ts'
import { ModelStore } from './model-store.ts'
import { RunLog } from './run-log.ts'
import { RunStore } from './run-store.ts'
import { SourceResolver } from './source-resolver.ts'
import { AssessmentStore } from './traces/assessment-store.ts'
import { SpanStore } from './traces/span-store.ts'
import { TraceStore } from './traces/trace-store.ts'
import { VersionSeals } from './version-seals.ts'
import { VersionStore } from './version-store.ts'

export interface RegistryDeps {
  /** With the registry's migrations applied. */
  readonly db: Database
  /** Where the bytes of artifacts are. */
  readonly blobs: BlobStore
  readonly clock: Clock
  readonly random: Random
  /** 32 hex digits that were never given before. */
  newId(): string
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
  readonly traces: TraceStore
  readonly spans: SpanStore
  readonly assessments: AssessmentStore
  /** The datasets that runs of up to 20 experiments read. */
  datasets(experimentIds: readonly string[]): Promise<readonly DatasetSummary[]>
}

/** URI of an experiment's artifacts when it names none; clients send the bytes through this server. */
const artifactLocation = (experimentId: string): string => `mlflow-artifacts:/${experimentId}`

/** Opens the registry; the experiment `Default` is made when it isn't there. */
export const openRegistry = async ({ db, blobs, clock, random, newId }: RegistryDeps): Promise<Registry> => {
  const events = new EventLog(clock)
  const nowMs = clock.wallMs()
  const artifacts = new ArtifactStore({ db, blobs, clock })
  const seals = new VersionSeals(artifacts)
  await db.query(
    `INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time)
     VALUES (?, 'Default', ?, 'active', ?, ?) ON CONFLICT DO NOTHING`,
    [Number(defaultExperimentId), artifactLocation(defaultExperimentId), nowMs, nowMs],
  )
  const assessments = new AssessmentStore({ db, clock, newId })
  return {
    experiments: new ExperimentStore({ db, clock, defaultArtifactLocation: artifactLocation }),
    runs: new RunStore({ db, clock, random, newId }),
    log: new RunLog(db),
    history: new MetricHistory(db),
    loggedModels: new LoggedModelStore({ db, clock, random, newId }),
    models: new ModelStore({ db, clock, events, seals }),
    versions: new VersionStore({ db, clock, events, sources: new SourceResolver(), seals }),
    artifacts,
    traces: new TraceStore({ db, clock, assessments, newId }),
    spans: new SpanStore(db),
    assessments,
    datasets: (experimentIds) => datasetSummaries(db, experimentIds),
  }
}
