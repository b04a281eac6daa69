import type { Clock } from '../lib/index.ts'
import type { Database, Queries } from '../ports/index.ts'
import { fail } from '../protocol/index.ts'
import type { Actor, EventKind, EventLog } from './event-log.ts'
import { anonymous } from './event-log.ts'
import type { Experiment, LifecycleStage, Tag, View } from './experiment.ts'
import { requireNoPurge } from './gc/require-no-purge.ts'
import { subjectText } from './history/audit-subject.ts'
import { limits, requireCount, requireKey, requireLength } from './limits.ts'
import { experimentsGrammar } from './search/grammar-experiments.ts'
import type { SearchPage, SearchQuery } from './search/search-page.ts'
import { searchPage } from './search/search-page.ts'
import { experimentsTarget } from './search/target-experiments.ts'
import { chunks, placeholders } from './sql.ts'
import { requireArtifactLocation } from './source-uri.ts'

export interface ExperimentStoreDeps {
  readonly db: Database
  readonly clock: Clock
  readonly events: EventLog
  /** Where the artifacts of an experiment go that names no place of its own. */
  defaultArtifactLocation(experimentId: string): string
}

interface ExperimentRow extends Readonly<Record<string, string | number>> {
  readonly experiment_id: number
  readonly name: string
  readonly artifact_location: string
  readonly lifecycle_stage: string
  readonly creation_time: number
  readonly last_update_time: number
}

const columns = 'experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time'
const aliased = columns.replaceAll(/\w+/g, 'e.$&')

/** Experiments and their tags. */
export class ExperimentStore {
  readonly #deps: ExperimentStoreDeps

  constructor(deps: ExperimentStoreDeps) {
    this.#deps = deps
  }

  /** Makes an experiment; its name must be new, deleted ones included. */
  async create(
    name: string,
    options: { artifactLocation?: string; tags?: readonly Tag[] } = {},
    actor: Actor = anonymous,
  ): Promise<string> {
    requireName(name)
    const { artifactLocation = '', tags = [] } = options
    if (artifactLocation !== '') requireArtifactLocation(artifactLocation)
    requireCount('tags', tags, limits.listItems)
    for (const tag of tags) requireTag(tag)
    const { db, clock, defaultArtifactLocation } = this.#deps
    return db.transact(async (tx) => {
      const nowMs = clock.wallMs()
      const [row] = await tx.query<{ experiment_id: number }>(
        `INSERT INTO experiments (name, artifact_location, lifecycle_stage, creation_time, last_update_time)
         VALUES (?, ?, 'active', ?, ?) ON CONFLICT (name) DO NOTHING RETURNING experiment_id`,
        [name, artifactLocation, nowMs, nowMs],
      )
      if (row === undefined) throw fail('resource_exists', { reason: `Experiment '${name}' already exists.` })
      const id = String(row.experiment_id)
      if (artifactLocation === '')
        await tx.query('UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?', [
          defaultArtifactLocation(id),
          row.experiment_id,
        ])
      await tx.executeMany(
        'INSERT INTO experiment_tags (experiment_id, key, value) VALUES (?, ?, ?) ON CONFLICT (experiment_id, key) DO UPDATE SET value = excluded.value',
        tags.map((tag) => [row.experiment_id, tag.key, tag.value]),
      )
      await this.#tell(tx, 'experiment.created', { id, actor }, { name })
      return id
    })
  }

  async get(experimentId: string): Promise<Experiment | undefined> {
    const id = numberOf(experimentId)
    if (id === undefined) return undefined
    const rows = await this.#deps.db.query<ExperimentRow>(
      `SELECT ${columns} FROM experiments WHERE experiment_id = ?`,
      [id],
    )
    return (await this.#withTags(rows))[0]
  }

  async require(experimentId: string): Promise<Experiment> {
    return (await this.get(experimentId)) ?? noExperiment(experimentId)
  }

  async getByName(name: string): Promise<Experiment | undefined> {
    const rows = await this.#deps.db.query<ExperimentRow>(`SELECT ${columns} FROM experiments WHERE name = ?`, [name])
    return (await this.#withTags(rows))[0]
  }

  async search(query: SearchQuery & { readonly view: View }): Promise<SearchPage<Experiment>> {
    const page = await searchPage<ExperimentRow>(
      this.#deps.db,
      {
        grammar: experimentsGrammar,
        target: experimentsTarget,
        columns: aliased,
        where: viewCondition('e', query.view),
      },
      query,
    )
    return { items: await this.#withTags(page.items), nextPageToken: page.nextPageToken }
  }

  async rename(experimentId: string, name: string, actor: Actor = anonymous): Promise<void> {
    requireName(name)
    await this.#deps.db.transact(async (tx) => {
      const row = await requireActive(tx, experimentId)
      const taken = await tx.query('SELECT 1 AS taken FROM experiments WHERE name = ? AND experiment_id <> ?', [
        name,
        row.experiment_id,
      ])
      if (taken.length > 0) throw fail('resource_exists', { reason: `Experiment '${name}' already exists.` })
      await tx.query('UPDATE experiments SET name = ?, last_update_time = ? WHERE experiment_id = ?', [
        name,
        this.#deps.clock.wallMs(),
        row.experiment_id,
      ])
      const id = String(row.experiment_id)
      await this.#tell(tx, 'experiment.renamed', { id, actor }, { name: row.name, newName: name })
    })
  }

  /** Deletes an experiment with its runs; all of it can be restored. */
  delete(experimentId: string, actor: Actor = anonymous): Promise<void> {
    return this.#setStage(experimentId, { from: 'active', to: 'deleted' }, actor)
  }

  /** Restores a deleted experiment with the runs that were deleted by its deletion. */
  restore(experimentId: string, actor: Actor = anonymous): Promise<void> {
    return this.#setStage(experimentId, { from: 'deleted', to: 'active' }, actor)
  }

  async setTag(experimentId: string, tag: Tag): Promise<void> {
    requireTag(tag)
    await this.#deps.db.transact(async (tx) => {
      const row = await requireActive(tx, experimentId)
      await tx.query(
        'INSERT INTO experiment_tags (experiment_id, key, value) VALUES (?, ?, ?) ON CONFLICT (experiment_id, key) DO UPDATE SET value = excluded.value',
        [row.experiment_id, tag.key, tag.value],
      )
    })
  }

  async deleteTag(experimentId: string, key: string): Promise<void> {
    await this.#deps.db.transact(async (tx) => {
      const row = await requireActive(tx, experimentId)
      const gone = await tx.query('DELETE FROM experiment_tags WHERE experiment_id = ? AND key = ? RETURNING key', [
        row.experiment_id,
        key,
      ])
      if (gone.length === 0)
        throw fail('resource_missing', { reason: `No tag with name: ${key} in experiment with id ${experimentId}.` })
    })
  }

  #tell(
    tx: Queries,
    kind: EventKind,
    { id, actor }: { readonly id: string; readonly actor: Actor },
    details: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    return this.#deps.events.append(tx, { kind, subject: subjectText('experiment', id), actor, details })
  }

  async #setStage(
    experimentId: string,
    { from, to }: { readonly from: LifecycleStage; readonly to: LifecycleStage },
    actor: Actor,
  ): Promise<void> {
    await this.#deps.db.transact(async (tx) => {
      const nowMs = this.#deps.clock.wallMs()
      const changed = await tx.query<{ experiment_id: number; name: string }>(
        'UPDATE experiments SET lifecycle_stage = ?, last_update_time = ? WHERE experiment_id = ? AND lifecycle_stage = ? RETURNING experiment_id, name',
        [to, nowMs, numberOf(experimentId) ?? -1, from],
      )
      const [experiment] = changed
      if (experiment === undefined) {
        const state = from === 'active' ? '' : 'deleted '
        throw fail('resource_missing', { reason: `No ${state}Experiment with id=${experimentId} exists` })
      }
      if (to === 'active') await requireNoPurge(tx, 'experiment', String(experiment.experiment_id))
      await tx.query(
        `UPDATE runs SET lifecycle_stage = ?, deleted_time = ? WHERE experiment_id = ? AND lifecycle_stage = ?
         AND run_id NOT IN (SELECT id FROM purges WHERE kind = 'run')`,
        [to, to === 'deleted' ? nowMs : null, experiment.experiment_id, from],
      )
      const kind = to === 'deleted' ? 'experiment.deleted' : 'experiment.restored'
      await this.#tell(tx, kind, { id: String(experiment.experiment_id), actor }, { name: experiment.name })
    })
  }

  async #withTags(rows: readonly ExperimentRow[]): Promise<Experiment[]> {
    if (rows.length === 0) return []
    const tags = new Map<number, Tag[]>(rows.map((row) => [row.experiment_id, []]))
    for (const ids of chunks([...tags.keys()])) {
      const found = await this.#deps.db.query<{ experiment_id: number; key: string; value: string }>(
        `SELECT experiment_id, key, value FROM experiment_tags WHERE experiment_id IN (${placeholders(ids.length)}) ORDER BY key`,
        ids,
      )
      for (const { experiment_id: id, key, value } of found) tags.get(id)?.push({ key, value })
    }
    return rows.map((row) => ({
      experimentId: String(row.experiment_id),
      name: row.name,
      artifactLocation: row.artifact_location,
      lifecycleStage: row.lifecycle_stage as LifecycleStage,
      creationTime: row.creation_time,
      lastUpdateTime: row.last_update_time,
      tags: tags.get(row.experiment_id) ?? [],
    }))
  }
}

/** The numbers of the experiments that a search is to look into, each once. */
export const searchedExperiments = (ids: readonly string[]): number[] => {
  requireCount('experiment_ids', ids, limits.listItems)
  return [...new Set(ids.map(numberOf).filter((id) => id !== undefined))]
}

/** Ids are numbers that callers hold as text; other text names no experiment. */
export const numberOf = (id: string): number | undefined => (/^\d{1,15}$/.test(id) ? Number(id) : undefined)

export const viewCondition = (alias: string, view: View): { sql: string; args: string[] } =>
  view === 'all' ? { sql: '1 = 1', args: [] } : { sql: `${alias}.lifecycle_stage = ?`, args: [view] }

const noExperiment = (experimentId: string): never => {
  throw fail('resource_missing', { reason: `No Experiment with id=${experimentId} exists` })
}

/** The experiment that something is about to be written to. */
export const requireActive = async (
  tx: Queries,
  experimentId: string,
): Promise<{ experiment_id: number; name: string; artifact_location: string }> => {
  const [row] = await tx.query<{
    experiment_id: number
    name: string
    artifact_location: string
    lifecycle_stage: string
  }>('SELECT experiment_id, name, artifact_location, lifecycle_stage FROM experiments WHERE experiment_id = ?', [
    numberOf(experimentId) ?? -1,
  ])
  if (row === undefined) return noExperiment(experimentId)
  if (row.lifecycle_stage !== 'active')
    throw fail('invalid_parameter', {
      reason: `The experiment ${experimentId} must be in the 'active' state. Current state is ${row.lifecycle_stage}.`,
    })
  return row
}

const requireName = (name: string): void => {
  if (name.trim() === '')
    throw fail('invalid_parameter', {
      reason: `Invalid experiment name: '${name}'. Experiment name must be a non-empty string.`,
    })
  requireLength('Experiment name', name, limits.experimentName)
}

const requireTag = ({ key, value }: Tag): void => {
  requireKey('Tag', key)
  requireLength('Tag value', value, limits.experimentTagValue)
}
