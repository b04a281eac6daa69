import type { Clock } from '../lib/index.ts'
import type { Database, Queries } from '../ports/index.ts'
import { fail } from '../protocol/index.ts'
import type { EndpointMoves } from './endpoints/endpoint-moves.ts'
import type { EndpointChecks } from './endpoints/move-guard.ts'
import type { Actor, EventLog } from './event-log.ts'
import type { Tag } from './experiment.ts'
import { giveUpName, takeName } from './history/model-names.ts'
import { tellAliasesLost } from './history/tell-aliases-lost.ts'
import { limits, requireCount, requireKey, requireLength } from './limits.ts'
import { requireAlias, requireModelName, requireStage } from './model-name.ts'
import type { ModelRow, VersionRow } from './model-rows.ts'
import {
  modelColumns,
  readModels,
  readVersions,
  requireModelRow,
  requireVersionRow,
  versionColumns,
  versionsFrom,
} from './model-rows.ts'
import { withoutPrompts } from './prompt.ts'
import type { PromotionGate } from './promotion/promotion-gate.ts'
import type { ModelVersion, RegisteredModel } from './registered-model.ts'
import { registeredModelsGrammar } from './search/grammar-registered-models.ts'
import type { SearchPage, SearchQuery } from './search/search-page.ts'
import { searchPage } from './search/search-page.ts'
import { registeredModelsTarget } from './search/target-registered-models.ts'
import type { VersionUses } from './uses/version-uses.ts'
import type { VersionSeals } from './version-seals.ts'

export interface ModelStoreDeps {
  readonly db: Database
  readonly clock: Clock
  readonly events: EventLog
  readonly seals: VersionSeals
  readonly gate: PromotionGate
  readonly uses: VersionUses
  readonly endpoints: EndpointMoves
}

interface AllowedMove {
  readonly target: VersionRow
  readonly versionBefore: number | null
}

/** Registered models: their names, tags and aliases. Versions are in VersionStore. */
export class ModelStore {
  readonly #deps: ModelStoreDeps

  constructor(deps: ModelStoreDeps) {
    this.#deps = deps
  }

  async create(
    name: string,
    { description = '', tags = [] }: { description?: string; tags?: readonly Tag[] },
    actor: Actor,
  ): Promise<RegisteredModel> {
    requireModelName(name)
    requireLength('Description', description, limits.description)
    requireCount('tags', tags, limits.listItems)
    for (const tag of tags) requireTag(tag)
    const { db, clock, events } = this.#deps
    return db.transact(async (tx) => {
      const nowMs = clock.wallMs()
      const [row] = await tx.query<{ model_key: number }>(
        `INSERT INTO registered_models (name, description, creation_time, last_updated_time, version_last)
         VALUES (?, ?, ?, ?, 0) ON CONFLICT (name) DO NOTHING RETURNING model_key`,
        [name, description, nowMs, nowMs],
      )
      if (row === undefined)
        throw fail('resource_exists', { reason: `Registered Model (name=${name}) already exists.` })
      await takeName(tx, name, row.model_key, nowMs)
      await tx.executeMany(
        putTag,
        tags.map((tag) => [row.model_key, tag.key, tag.value]),
      )
      await events.append(tx, {
        kind: 'registered_model.created',
        subject: String(row.model_key),
        actor,
        details: { name, description, tags },
      })
      return {
        name,
        description,
        creationTime: nowMs,
        lastUpdatedTime: nowMs,
        tags: [...new Map(tags.map((tag) => [tag.key, tag])).values()],
        aliases: [],
        latestVersions: [],
      }
    })
  }

  async require(name: string): Promise<RegisteredModel> {
    const { db } = this.#deps
    const [model] = await readModels(db, [await requireModelRow(db, name)])
    if (model === undefined) throw fail('resource_missing', { reason: `Registered Model with name=${name} not found` })
    return model
  }

  async search(query: SearchQuery): Promise<SearchPage<RegisteredModel>> {
    const { db } = this.#deps
    const page = await searchPage<ModelRow>(
      db,
      {
        grammar: registeredModelsGrammar,
        target: registeredModelsTarget,
        columns: modelColumns,
        where: { sql: '1 = 1', args: [] },
        rewrite: withoutPrompts,
      },
      query,
    )
    return { items: await readModels(db, page.items), nextPageToken: page.nextPageToken }
  }

  /** Renames a model; its policy, aliases and history go along. One with guarded aliases keeps its name (see PromotionGate). */
  async rename(name: string, newName: string, actor: Actor): Promise<RegisteredModel> {
    requireModelName(newName)
    const { clock, events, gate } = this.#deps
    return gate.transact(async (tx) => {
      const row = await requireModelRow(tx, name)
      if (newName !== name) await gate.requireUnguarded(tx, row, { what: `renaming '${name}'`, actor })
      const taken = await tx.query('SELECT 1 AS taken FROM registered_models WHERE name = ? AND model_key <> ?', [
        newName,
        row.model_key,
      ])
      if (taken.length > 0)
        throw fail('resource_exists', { reason: `Registered Model (name=${newName}) already exists.` })
      const nowMs = clock.wallMs()
      await giveUpName(tx, row.model_key, nowMs)
      await takeName(tx, newName, row.model_key, nowMs)
      await tx.query('UPDATE registered_models SET name = ?, last_updated_time = ? WHERE model_key = ?', [
        newName,
        nowMs,
        row.model_key,
      ])
      await tx.query('UPDATE model_versions SET last_updated_time = ? WHERE model_key = ?', [nowMs, row.model_key])
      await events.append(tx, {
        kind: 'registered_model.renamed',
        subject: String(row.model_key),
        actor,
        details: { name, newName },
      })
      return only(await readModels(tx, [{ ...row, name: newName, last_updated_time: nowMs }]))
    })
  }

  async describe(name: string, description: string, actor: Actor): Promise<RegisteredModel> {
    requireLength('Description', description, limits.description)
    const { db, clock, events } = this.#deps
    return db.transact(async (tx) => {
      const row = await requireModelRow(tx, name)
      const nowMs = clock.wallMs()
      await tx.query('UPDATE registered_models SET description = ?, last_updated_time = ? WHERE model_key = ?', [
        description,
        nowMs,
        row.model_key,
      ])
      await events.append(tx, {
        kind: 'registered_model.updated',
        subject: String(row.model_key),
        actor,
        details: { name, description },
      })
      return only(await readModels(tx, [{ ...row, description, last_updated_time: nowMs }]))
    })
  }

  /** Deletes the model with all its versions, tags and aliases. Its history stays. Fails when a version is in use or guarded. */
  async delete(name: string, actor: Actor): Promise<void> {
    const { clock, events, seals, gate, uses } = this.#deps
    await gate.transact(async (tx) => {
      const row = await requireModelRow(tx, name)
      const versions = await tx.query<{ version: number; storage_location: string }>(
        'SELECT version, storage_location FROM model_versions WHERE model_key = ? ORDER BY version',
        [row.model_key],
      )
      const numbers = versions.map(({ version }) => version)
      await uses.requireUnused(tx, row, numbers)
      await gate.requireUnguarded(tx, row, { what: `deleting '${name}'`, actor })
      await tellAliasesLost(tx, events, row, { actor, cause: 'registered_model.deleted' })
      await giveUpName(tx, row.model_key, clock.wallMs())
      await tx.query('DELETE FROM registered_models WHERE model_key = ?', [row.model_key])
      await seals.release(
        tx,
        versions.map((version) => version.storage_location),
      )
      await events.append(tx, {
        kind: 'registered_model.deleted',
        subject: String(row.model_key),
        actor,
        details: { name },
      })
    })
  }

  async setTag(name: string, tag: Tag, actor: Actor): Promise<void> {
    requireTag(tag)
    await this.#change(name, async (tx, row) => {
      await tx.executeMany(putTag, [[row.model_key, tag.key, tag.value]])
      await this.#deps.events.append(tx, {
        kind: 'registered_model_tag.set',
        subject: String(row.model_key),
        actor,
        details: { name, ...tag },
      })
    })
  }

  async deleteTag(name: string, key: string, actor: Actor): Promise<void> {
    requireKey('Tag', key)
    await this.#change(name, async (tx, row) => {
      await tx.query('DELETE FROM registered_model_tags WHERE model_key = ? AND key = ?', [row.model_key, key])
      await this.#deps.events.append(tx, {
        kind: 'registered_model_tag.deleted',
        subject: String(row.model_key),
        actor,
        details: { name, key },
      })
    })
  }

  /**
   * Points an alias at a version; one that exists moves. Fails with `promotion_refused` when the policy doesn't let it,
   * or when an endpoint follows the alias and can't serve the version.
   */
  async setAlias(name: string, alias: string, version: string, actor: Actor): Promise<void> {
    requireAlias(alias)
    const { gate, endpoints } = this.#deps
    const allowed = async (tx: Queries, row: ModelRow): Promise<AllowedMove> => {
      const target = await requireVersionRow(tx, name, version)
      const before = await tx.query<{ version: number }>(
        'SELECT version FROM model_aliases WHERE model_key = ? AND alias = ?',
        [row.model_key, alias],
      )
      if (before[0]?.version !== target.version) await gate.requireMove(tx, target, { kind: 'alias', alias }, actor)
      return { target, versionBefore: before[0]?.version ?? null }
    }
    const commit = async (tx: Queries, row: ModelRow, checked: readonly EndpointChecks[]): Promise<void> => {
      const { target, versionBefore } = await allowed(tx, row)
      await tx.query(
        'INSERT INTO model_aliases (model_key, alias, version) VALUES (?, ?, ?) ON CONFLICT (model_key, alias) DO UPDATE SET version = excluded.version',
        [row.model_key, alias, target.version],
      )
      await this.#deps.events.append(tx, {
        kind: 'model_version_alias.created',
        subject: String(row.model_key),
        actor,
        details: { name, alias, version: target.version, versionBefore, ...(checked.length > 0 && { checked }) },
      })
      await endpoints.follow(tx, row.model_key)
    }
    await endpoints.around({ model: name, version, target: { kind: 'alias', alias } }, actor, {
      check: () => gate.transact(async (tx) => void (await allowed(tx, await requireModelRow(tx, name)))),
      commit: (checked) => this.#change(name, (tx, row) => commit(tx, row, checked)),
    })
  }

  /** Deleting an alias that isn't there changes nothing; one that a policy guards can't be deleted. */
  async deleteAlias(name: string, alias: string, actor: Actor): Promise<void> {
    const { gate } = this.#deps
    await this.#change(name, async (tx, row) => {
      const gone = await tx.query<{ version: number }>(
        'DELETE FROM model_aliases WHERE model_key = ? AND alias = ? RETURNING version',
        [row.model_key, alias],
      )
      if (gone[0] === undefined) return
      await gate.requireRemovable(tx, row, alias, actor)
      await this.#deps.events.append(tx, {
        kind: 'model_version_alias.deleted',
        subject: String(row.model_key),
        actor,
        details: { name, alias, version: gone[0].version },
      })
    })
  }

  async versionByAlias(name: string, alias: string): Promise<ModelVersion> {
    requireModelName(name)
    const { db } = this.#deps
    const rows = await db.query<VersionRow>(
      `SELECT ${versionColumns} FROM ${versionsFrom} JOIN model_aliases a ON a.model_key = v.model_key AND a.version = v.version
       WHERE m.name = ? AND a.alias = ?`,
      [name, alias],
    )
    const [version] = await readVersions(db, rows)
    if (version !== undefined) return version
    await requireModelRow(db, name)
    throw fail('invalid_parameter', { reason: `Registered model alias ${alias} not found.` })
  }

  /** The newest ready version of each of the stages; of every stage when none is named. */
  async latestVersions(name: string, stages: readonly string[]): Promise<readonly ModelVersion[]> {
    const wanted = stages.map((stage) => requireStage(stage))
    const { latestVersions } = await this.require(name)
    return latestVersions.filter((version) => wanted.length === 0 || wanted.includes(version.stage))
  }

  async #change(name: string, change: (tx: Queries, row: ModelRow) => Promise<void>): Promise<void> {
    const { gate, clock } = this.#deps
    await gate.transact(async (tx) => {
      const row = await requireModelRow(tx, name)
      await change(tx, row)
      await tx.query('UPDATE registered_models SET last_updated_time = ? WHERE model_key = ?', [
        clock.wallMs(),
        row.model_key,
      ])
    })
  }
}

const putTag =
  'INSERT INTO registered_model_tags (model_key, key, value) VALUES (?, ?, ?) ON CONFLICT (model_key, key) DO UPDATE SET value = excluded.value'

export const requireTag = ({ key, value }: Tag): void => {
  requireKey('Tag', key)
  requireLength('Tag value', value, limits.registryTagValue)
}

const only = (models: readonly RegisteredModel[]): RegisteredModel => {
  const [model] = models
  if (model === undefined) throw fail('resource_missing', { reason: 'the registered model is gone' })
  return model
}
