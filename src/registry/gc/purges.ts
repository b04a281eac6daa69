import type { Clock } from '../../lib/index.ts'
import type { BlobStore, Database, Queries } from '../../ports/index.ts'
import { AppError } from '../../protocol/index.ts'
import type { Actor, EventKind, EventLog } from '../event-log.ts'
import { subjectText } from '../history/audit-subject.ts'
import type { TraceStore } from '../traces/trace-store.ts'
import { folderOf } from '../version-seals.ts'
import { refreshed } from './candidates.ts'
import type { Candidate } from './garbage.ts'
import { removeFiles, removePoints } from './remove-rows.ts'
import type { KeepRules } from './why-kept.ts'
import { whyKept } from './why-kept.ts'

export interface PurgesDeps {
  readonly db: Database
  readonly blobs: BlobStore
  readonly clock: Clock
  readonly events: EventLog
  readonly traces: TraceStore
}

interface PurgeRow extends Readonly<Record<string, string | number>> {
  readonly kind: string
  readonly id: string
  readonly name: string
  readonly folder: string
  readonly actor: string
  readonly reason: string
  readonly files: number
  readonly bytes: number
}

/** What went of something, or why it stays. */
export type PurgeOutcome =
  | { readonly kept: string }
  | { readonly kept: undefined; readonly files: number; readonly bytes: number }

const purgeColumns = 'kind, id, name, folder, actor, reason, files, bytes'

const eventOf: Readonly<
  Record<string, { readonly kind: EventKind; readonly type: 'run' | 'logged_model' | 'experiment' | 'artifact' }>
> = {
  run: { kind: 'run.purged', type: 'run' },
  logged_model: { kind: 'logged_model.purged', type: 'logged_model' },
  experiment: { kind: 'experiment.purged', type: 'experiment' },
  upload: { kind: 'upload.purged', type: 'artifact' },
}

/**
 * Removes things for good, in steps that each are a small transaction. The first one sees that nothing keeps it and
 * makes a row that holds until the last: nobody can restore or register it from then on, and whoever finds the row
 * after a crash goes on where the steps ended. Several may do so at once.
 */
export class Purges {
  readonly #deps: PurgesDeps

  constructor(deps: PurgesDeps) {
    this.#deps = deps
  }

  async purge(candidate: Candidate, rules: KeepRules, actor: Actor): Promise<PurgeOutcome> {
    const { db, clock } = this.#deps
    const kept = await db.transact(async (tx) => {
      const now = await refreshed(tx, candidate)
      if (now === undefined) return 'it is gone already'
      const reason = await whyKept(tx, now, rules)
      if (reason !== undefined) return reason
      const begun = await tx.query('SELECT 1 AS begun FROM purges WHERE kind = ? AND id = ?', [now.kind, now.id])
      if (begun.length > 0) return undefined
      if (now.kind === 'upload') await tx.query('DELETE FROM artifact_uploads WHERE upload_id = ?', [now.id])
      await tx.query(`INSERT INTO purges (${purgeColumns}, started_time) VALUES (?, ?, ?, ?, ?, ?, 0, 0, ?)`, [
        now.kind,
        now.id,
        now.name,
        now.folder ?? '',
        actor.name,
        actor.reason ?? '',
        clock.wallMs(),
      ])
      return undefined
    })
    return kept === undefined ? this.#finish(candidate.kind, candidate.id) : { kept }
  }

  /** Finishes what a process that died had begun. */
  async recover(): Promise<void> {
    const rows = await this.#deps.db.query<PurgeRow>(`SELECT ${purgeColumns} FROM purges ORDER BY kind DESC, id`)
    for (const { kind, id } of rows) await this.#finish(kind, id)
  }

  async #finish(kind: string, id: string): Promise<PurgeOutcome> {
    const { db } = this.#deps
    for (;;) {
      const [row] = await db.query<PurgeRow>(`SELECT ${purgeColumns} FROM purges WHERE kind = ? AND id = ?`, [kind, id])
      if (row === undefined) return { kept: undefined, files: 0, bytes: 0 }
      await this.#empty(row)
      const last = await db.transact((tx) => this.#end(tx, row))
      if (last !== undefined) return { kept: undefined, files: last.files, bytes: last.bytes }
    }
  }

  /** Removes what is below something, step by step. */
  async #empty(row: PurgeRow): Promise<void> {
    const { db, blobs } = this.#deps
    if (row.kind === 'upload') await blobs.dropUpload(row.id).catch(ignoreMissing)
    // Why: only the place that an experiment gets by default is its own; another may be shared.
    const isOwn = row.kind !== 'experiment' || row.folder === row.id
    if (row.folder !== '' && isOwn) await removeFiles(db, row, row.folder)
    if (row.kind === 'experiment') await this.#emptyExperiment(row)
    if (row.kind === 'run') await removePoints(db, row.id)
  }

  async #emptyExperiment(row: PurgeRow): Promise<void> {
    const { db, traces } = this.#deps
    while ((await traces.deleteUpTo(row.id, Number.MAX_SAFE_INTEGER, tracesAtOnce)) > 0);
    for (;;) {
      const [model] = await db.query<{ model_id: string; artifact_uri: string }>(
        'SELECT model_id, artifact_uri FROM logged_models WHERE experiment_id = ? LIMIT 1',
        [Number(row.id)],
      )
      if (model === undefined) return
      const folder = folderOf(model.artifact_uri)
      if (folder !== undefined) await removeFiles(db, row, folder)
      await db.query('DELETE FROM logged_models WHERE model_id = ?', [model.model_id])
    }
  }

  /** The last step. Gives the final row, or undefined when something came in between and is to be removed first. */
  async #end(tx: Queries, { kind, id }: PurgeRow): Promise<PurgeRow | undefined> {
    if (await isLeft(tx, kind, id)) return undefined
    const [row] = await tx.query<PurgeRow>(`DELETE FROM purges WHERE kind = ? AND id = ? RETURNING ${purgeColumns}`, [
      kind,
      id,
    ])
    // Another process ended it.
    if (row === undefined) return { kind, id, name: '', folder: '', actor: '', reason: '', files: 0, bytes: 0 }
    if (kind === 'run') await tx.query('DELETE FROM runs WHERE run_id = ?', [id])
    if (kind === 'logged_model') await tx.query('DELETE FROM logged_models WHERE model_id = ?', [id])
    if (kind === 'experiment') await tx.query('DELETE FROM experiments WHERE experiment_id = ?', [Number(id)])
    const event = eventOf[kind]
    if (event !== undefined)
      await this.#deps.events.append(tx, {
        kind: event.kind,
        subject: subjectText(event.type, kind === 'upload' ? row.name : id),
        actor: { name: row.actor, ...(row.reason === '' ? {} : { reason: row.reason }) },
        details: { name: row.name, files: row.files, bytes: row.bytes },
      })
    return row
  }
}

/** Traces of one transaction, each with its spans. */
const tracesAtOnce = 50

/** What came meanwhile and keeps the last row from going. */
const isLeft = async (tx: Queries, kind: string, id: string): Promise<boolean> => {
  if (kind !== 'experiment') return false
  for (const table of ['traces', 'logged_models']) {
    const rows = await tx.query(`SELECT 1 AS left_over FROM ${table} WHERE experiment_id = ? LIMIT 1`, [Number(id)])
    if (rows.length > 0) return true
  }
  return false
}

const ignoreMissing = (error: unknown): void => {
  if (!(error instanceof AppError) || error.code !== 'resource_missing') throw error
}
