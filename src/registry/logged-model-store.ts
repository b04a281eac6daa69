import type { Clock, Random } from '../lib/index.ts'
import type { Database, Queries } from '../ports/index.ts'
import { fail } from '../protocol/index.ts'
import type { Actor, EventKind, EventLog } from './event-log.ts'
import { anonymous } from './event-log.ts'
import type { Tag } from './experiment.ts'
import { requireActive, searchedExperiments } from './experiment-store.ts'
import { subjectText } from './history/audit-subject.ts'
import { excerpt, limits, requireCount, requireKey, requireLength, truncated } from './limits.ts'
import type { LoggedModel, LoggedModelStatus } from './logged-model.ts'
import type { LoggedModelRow } from './read-logged-models.ts'
import { loggedModelColumns, readLoggedModels } from './read-logged-models.ts'
import type { Param } from './run.ts'
import { randomRunName } from './run-name.ts'
import { loggedModelsGrammar } from './search/grammar-logged-models.ts'
import type { SearchedDataset } from './search/on-datasets.ts'
import type { OrderField } from './search/parse-order-fields.ts'
import { parseOrderFields } from './search/parse-order-fields.ts'
import type { SearchPage, SearchQuery } from './search/search-page.ts'
import { searchPage } from './search/search-page.ts'
import { loggedModelsTarget, measuredOn } from './search/target-logged-models.ts'
import { placeholders } from './sql.ts'

export interface LoggedModelStoreDeps {
  readonly db: Database
  readonly clock: Clock
  readonly random: Random
  readonly events: EventLog
  newId(): string
}

export interface NewLoggedModel {
  readonly experimentId: string
  readonly name: string
  readonly modelType: string
  readonly sourceRunId: string
  readonly params: readonly Param[]
  readonly tags: readonly Tag[]
}

/** Most params that come with a logged model at once. */
const paramsMax = 100

/** Models that training made (MLflow 3), by an id of their own. */
export class LoggedModelStore {
  readonly #deps: LoggedModelStoreDeps

  constructor(deps: LoggedModelStoreDeps) {
    this.#deps = deps
  }

  async create(model: NewLoggedModel, actor: Actor = anonymous): Promise<LoggedModel> {
    const { db, clock, random, newId } = this.#deps
    const name = model.name === '' ? randomRunName(random) : requireName(model.name)
    const params = storedParams(model.params)
    requireTags(model.tags)
    return db.transact(async (tx) => {
      const experiment = await requireActive(tx, model.experimentId)
      const modelId = `m-${newId()}`
      const nowMs = clock.wallMs()
      const row: LoggedModelRow = {
        model_id: modelId,
        experiment_id: experiment.experiment_id,
        name,
        artifact_uri: `${experiment.artifact_location.replace(/\/$/, '')}/models/${modelId}/artifacts`,
        status: 'LOGGED_MODEL_PENDING',
        status_message: null,
        model_type: model.modelType,
        source_run_id: model.sourceRunId,
        lifecycle_stage: 'active',
        creation_time: nowMs,
        last_updated_time: nowMs,
      }
      const columns = loggedModelColumns.split(', ').map((column) => column.slice(2))
      await tx.query(
        `INSERT INTO logged_models (${columns.join(', ')}) VALUES (${placeholders(columns.length)})`,
        columns.map((column) => row[column] ?? null),
      )
      await tx.executeMany(
        putParam,
        params.map(({ key, value }) => [modelId, key, value]),
      )
      await tx.executeMany(
        putTag,
        model.tags.map(({ key, value }) => [modelId, key, value]),
      )
      await this.#tell(tx, 'logged_model.created', row, actor)
      return read(tx, row)
    })
  }

  async require(modelId: string): Promise<LoggedModel> {
    const { db } = this.#deps
    return read(db, await requireRow(db, modelId))
  }

  async finish(modelId: string, status: LoggedModelStatus, actor: Actor = anonymous): Promise<LoggedModel> {
    const { db, clock } = this.#deps
    return db.transact(async (tx) => {
      const row = await requireRow(tx, modelId)
      const nowMs = clock.wallMs()
      await tx.query('UPDATE logged_models SET status = ?, last_updated_time = ? WHERE model_id = ?', [
        status,
        nowMs,
        modelId,
      ])
      await this.#tell(tx, 'logged_model.finalized', { ...row, status }, actor)
      return read(tx, { ...row, status, last_updated_time: nowMs })
    })
  }

  /** Deleting a deleted model changes nothing. */
  async delete(modelId: string, actor: Actor = anonymous): Promise<void> {
    const { db, clock } = this.#deps
    await db.transact(async (tx) => {
      const [deleted] = await tx.query(
        `SELECT 1 AS deleted FROM logged_models WHERE model_id = ? AND lifecycle_stage = 'deleted'`,
        [modelId],
      )
      if (deleted !== undefined) return
      const row = await requireRow(tx, modelId)
      await tx.query(`UPDATE logged_models SET lifecycle_stage = 'deleted', last_updated_time = ? WHERE model_id = ?`, [
        clock.wallMs(),
        modelId,
      ])
      await this.#tell(tx, 'logged_model.deleted', row, actor)
    })
  }

  #tell(tx: Queries, kind: EventKind, row: LoggedModelRow, actor: Actor): Promise<void> {
    const details = {
      name: row.name,
      experimentId: String(row.experiment_id),
      runId: row.source_run_id ?? '',
      status: row.status,
    }
    return this.#deps.events.append(tx, { kind, subject: subjectText('logged_model', row.model_id), actor, details })
  }

  async setTags(modelId: string, tags: readonly Tag[]): Promise<LoggedModel> {
    requireTags(tags)
    return this.#deps.db.transact(async (tx) => {
      const row = await requireRow(tx, modelId)
      await tx.executeMany(
        putTag,
        tags.map(({ key, value }) => [modelId, key, value]),
      )
      return read(tx, row)
    })
  }

  async deleteTag(modelId: string, key: string): Promise<void> {
    await this.#deps.db.transact(async (tx) => {
      await requireRow(tx, modelId)
      const gone = await tx.query('DELETE FROM logged_model_tags WHERE model_id = ? AND key = ? RETURNING key', [
        modelId,
        key,
      ])
      if (gone.length === 0)
        throw fail('resource_missing', {
          reason: `No tag with key ${excerpt(key)} found for model with ID ${modelId}.`,
        })
    })
  }

  /** Adds params; one that is there keeps its value. */
  async logParams(modelId: string, params: readonly Param[]): Promise<void> {
    const stored = storedParams(params)
    await this.#deps.db.transact(async (tx) => {
      await requireRow(tx, modelId)
      await tx.executeMany(
        putParam,
        stored.map(({ key, value }) => [modelId, key, value]),
      )
    })
  }

  async search(
    query: Omit<SearchQuery, 'orderBy'> & {
      readonly experimentIds: readonly string[]
      readonly order: readonly OrderField[]
      readonly datasets: readonly SearchedDataset[]
    },
  ): Promise<SearchPage<LoggedModel>> {
    const { db } = this.#deps
    const ids = searchedExperiments(query.experimentIds)
    if (ids.length === 0) return { items: [], nextPageToken: undefined }
    requireCount('datasets', query.datasets, limits.searchedDatasets)
    const measured = measuredOn(query.datasets)
    const page = await searchPage<LoggedModelRow>(
      db,
      {
        grammar: loggedModelsGrammar,
        target: loggedModelsTarget(query.datasets),
        columns: loggedModelColumns,
        where: {
          sql: `l.experiment_id IN (${placeholders(ids.length)}) AND l.lifecycle_stage = 'active'${measured.sql === '' ? '' : ` AND ${measured.sql}`}`,
          args: [...ids, ...measured.args],
        },
        order: parseOrderFields(query.order, loggedModelsGrammar),
      },
      query,
    )
    return { items: await readLoggedModels(db, page.items), nextPageToken: page.nextPageToken }
  }
}

const putParam =
  'INSERT INTO logged_model_params (model_id, key, value) VALUES (?, ?, ?) ON CONFLICT (model_id, key) DO NOTHING'
const putTag =
  'INSERT INTO logged_model_tags (model_id, key, value) VALUES (?, ?, ?) ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value'

const requireRow = async (queries: Queries, modelId: string): Promise<LoggedModelRow> => {
  const [row] = await queries.query<LoggedModelRow>(
    `SELECT ${loggedModelColumns} FROM logged_models l WHERE l.model_id = ? AND l.lifecycle_stage = 'active'`,
    [modelId],
  )
  if (row === undefined)
    throw fail('resource_missing', { reason: `Logged model with ID '${excerpt(modelId)}' not found.` })
  return row
}

const read = async (queries: Queries, row: LoggedModelRow): Promise<LoggedModel> => {
  const [model] = await readLoggedModels(queries, [row])
  if (model === undefined) throw fail('resource_missing', { reason: 'the logged model is gone' })
  return model
}

const requireName = (name: string): string => {
  requireLength('Logged model name', name, limits.modelName)
  const bad = Array.from('/:.%"\'').filter((character) => name.includes(character))
  if (bad.length > 0)
    throw fail('invalid_parameter', {
      reason: `Invalid model name ('${excerpt(name)}') provided. Model name must be a non-empty string and cannot contain the following characters: ['/', ':', '.', '%', '"', "'"]`,
    })
  return name
}

const storedParams = (params: readonly Param[]): Param[] => {
  if (params.length > paramsMax)
    throw fail('invalid_parameter', {
      reason: `At most ${paramsMax} params fit into one request, got ${params.length}.`,
    })
  return params.map(({ key, value }) => ({ key: requireKey('Param', key), value: truncated(value, limits.paramValue) }))
}

const requireTags = (tags: readonly Tag[]): void => {
  requireCount('tags', tags, limits.listItems)
  for (const { key, value } of tags) {
    requireKey('Tag', key)
    requireLength('Tag value', value, limits.runTagValue)
  }
}
