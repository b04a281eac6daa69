import type { Clock } from '../../lib/index.ts'
import type { Database, Queries } from '../../ports/index.ts'
import { fail, importItemsMax, importPointsMax } from '../../protocol/index.ts'
import type {
  ImportedAlias,
  ImportedExperiment,
  ImportedFile,
  ImportedFileOutcome,
  ImportedLoggedModel,
  ImportedPoints,
  ImportedPointsOutcome,
  ImportedRegisteredModel,
  ImportedRun,
  ImportedTrace,
  ImportedVersion,
  ImportOutcome,
} from '../../protocol/index.ts'
import type { EndpointMoves } from '../endpoints/endpoint-moves.ts'
import type { Actor, EventKind, EventLog } from '../event-log.ts'
import { subjectText } from '../history/audit-subject.ts'
import type { PromotionGate } from '../promotion/promotion-gate.ts'
import type { VersionSignatures } from '../signing/version-signatures.ts'
import type { SourceResolver } from '../source-resolver.ts'
import type { VersionSeals } from '../version-seals.ts'
import { importBatch } from './import-batch.ts'
import { takeExperiment } from './import-experiments.ts'
import { findFile } from './import-files.ts'
import { takeLoggedModel } from './import-logged-models.ts'
import { takeAlias, takeRegisteredModel } from './import-models.ts'
import { takePoints, takeRun } from './import-runs.ts'
import { takeTrace } from './import-traces.ts'
import { takeVersion } from './import-versions.ts'

export interface ImportStoreDeps {
  readonly db: Database
  readonly clock: Clock
  readonly events: EventLog
  readonly gate: PromotionGate
  readonly seals: VersionSeals
  readonly sources: SourceResolver
  readonly signatures: VersionSignatures
  readonly endpoints: EndpointMoves
  defaultArtifactLocation(experimentId: string): string
}

/**
 * Takes in what another store kept, with its ids and times. A batch is one transaction; the same batch again changes
 * nothing. What is here already is never changed: a record that differs from it is a conflict. Metrics, versions,
 * aliases and files are added only to what an import made.
 */
export class ImportStore {
  readonly #deps: ImportStoreDeps

  constructor(deps: ImportStoreDeps) {
    this.#deps = deps
  }

  async experiments(items: readonly ImportedExperiment[], actor: Actor): Promise<ImportOutcome[]> {
    const { db, defaultArtifactLocation } = this.#deps
    const place = { dialect: db.dialect, nowMs: this.#deps.clock.wallMs(), defaultArtifactLocation }
    return this.#batch(items, async (tx, item) => {
      const { isNew, ...outcome } = await takeExperiment(tx, item, place)
      if (isNew === true)
        await this.#tell(tx, 'experiment.created', { id: outcome.id, actor, details: { name: item.name } })
      return outcome
    })
  }

  runs(items: readonly ImportedRun[], actor: Actor): Promise<ImportOutcome[]> {
    return this.#batch(items, async (tx, item) => {
      const outcome = await takeRun(tx, item, this.#place())
      const details = { name: item.name, experimentId: item.experimentId }
      if (outcome.outcome === 'created') await this.#tell(tx, 'run.created', { id: outcome.id, actor, details })
      return outcome
    })
  }

  /** Fails with `invalid_parameter` when there are more than 10,000 points in all. */
  async metrics(items: readonly ImportedPoints[]): Promise<ImportedPointsOutcome[]> {
    const count = items.reduce((sum, { steps }) => sum + steps.length, 0)
    if (count > importPointsMax)
      throw fail('invalid_parameter', { reason: `A batch holds ${importPointsMax} points at most, got ${count}.` })
    const outcomes = await this.#batch(items, takePoints)
    return outcomes.map((outcome) => ({ added: 0, ...outcome }))
  }

  loggedModels(items: readonly ImportedLoggedModel[], actor: Actor): Promise<ImportOutcome[]> {
    return this.#batch(items, async (tx, item) => {
      const outcome = await takeLoggedModel(tx, item, this.#place())
      const { name, experimentId, sourceRunId: runId = '', status } = item
      const details = { name, experimentId, runId, status }
      if (outcome.outcome === 'created')
        await this.#tell(tx, 'logged_model.created', { id: outcome.id, actor, details })
      return outcome
    })
  }

  registeredModels(items: readonly ImportedRegisteredModel[], actor: Actor): Promise<ImportOutcome[]> {
    const place = { ...this.#deps, nowMs: this.#deps.clock.wallMs(), actor }
    return this.#batch(items, (tx, item) => takeRegisteredModel(tx, item, place))
  }

  versions(items: readonly ImportedVersion[], actor: Actor): Promise<ImportOutcome[]> {
    const place = { ...this.#deps, nowMs: this.#deps.clock.wallMs(), actor }
    return this.#batch(items, (tx, item) => takeVersion(tx, item, place))
  }

  aliases(items: readonly ImportedAlias[], actor: Actor): Promise<ImportOutcome[]> {
    const place = { ...this.#deps, nowMs: this.#deps.clock.wallMs(), actor }
    return this.#batch(items, (tx, item) => takeAlias(tx, item, place))
  }

  traces(items: readonly ImportedTrace[]): Promise<ImportOutcome[]> {
    return this.#batch(items, (tx, item) => takeTrace(tx, item, this.#place()))
  }

  /** Which files of what was imported are to be uploaded; changes nothing. */
  files(items: readonly ImportedFile[]): Promise<ImportedFileOutcome[]> {
    return this.#batch(items, findFile)
  }

  #place(): { nowMs: number; defaultArtifactLocation(experimentId: string): string } {
    const { clock, defaultArtifactLocation } = this.#deps
    return { nowMs: clock.wallMs(), defaultArtifactLocation }
  }

  async #batch<Item, Outcome>(
    items: readonly Item[],
    takeIn: (tx: Queries, item: Item) => Promise<Outcome>,
  ): Promise<(Outcome | { readonly outcome: 'refused'; readonly reason: string })[]> {
    if (items.length > importItemsMax)
      throw fail('invalid_parameter', {
        reason: `A batch holds ${importItemsMax} records at most, got ${items.length}.`,
      })
    return importBatch(this.#deps.gate, items, takeIn)
  }

  #tell(
    tx: Queries,
    kind: Extract<EventKind, 'experiment.created' | 'run.created' | 'logged_model.created'>,
    of: { readonly id: string | undefined; readonly actor: Actor; readonly details: object },
  ): Promise<void> {
    const type = kind.slice(0, kind.indexOf('.')) as 'experiment' | 'run' | 'logged_model'
    return this.#deps.events.append(tx, {
      kind,
      subject: subjectText(type, of.id ?? ''),
      actor: of.actor,
      details: { ...of.details, imported: true },
    })
  }
}
