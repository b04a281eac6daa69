import type { Clock } from '../lib/index.ts'
import type { Database, Queries } from '../ports/index.ts'
import { fail } from '../protocol/index.ts'
import type { EndpointMoves } from './endpoints/endpoint-moves.ts'
import type { EndpointChecks } from './endpoints/move-guard.ts'
import type { Actor, EventKind, EventLog } from './event-log.ts'
import type { Tag } from './experiment.ts'
import { requireNoneOfPurged } from './gc/require-no-purge.ts'
import { tellAliasesLost } from './history/tell-aliases-lost.ts'
import { limits, requireCount, requireLength } from './limits.ts'
import { tellCopied } from './lineage/version-copies.ts'
import { requireStage } from './model-name.ts'
import type { VersionRow } from './model-rows.ts'
import { readVersions, requireModelRow, requireVersionRow, versionColumns } from './model-rows.ts'
import { requireTag } from './model-store.ts'
import type { PromotionGate } from './promotion/promotion-gate.ts'
import { promptTag, withoutPrompts } from './prompt.ts'
import type { ModelVersion, Stage } from './registered-model.ts'
import { modelVersionsGrammar } from './search/grammar-model-versions.ts'
import type { SearchPage, SearchQuery } from './search/search-page.ts'
import { searchPage } from './search/search-page.ts'
import { modelVersionsTarget } from './search/target-model-versions.ts'
import type { VersionSignatures } from './signing/version-signatures.ts'
import type { SourceResolver } from './source-resolver.ts'
import type { VersionUses } from './uses/version-uses.ts'
import type { VersionSeals } from './version-seals.ts'

export interface VersionStoreDeps {
  readonly db: Database
  readonly clock: Clock
  readonly events: EventLog
  readonly sources: SourceResolver
  readonly seals: VersionSeals
  readonly gate: PromotionGate
  readonly signatures: VersionSignatures
  readonly uses: VersionUses
  readonly endpoints: EndpointMoves
}

export interface NewVersion {
  readonly name: string
  readonly source: string
  readonly runId: string
  readonly runLink: string
  readonly modelId: string
  readonly description: string
  readonly tags: readonly Tag[]
}

/** Versions of registered models. Numbers are dense and never used twice, however many are made at once. */
export class VersionStore {
  readonly #deps: VersionStoreDeps

  constructor(deps: VersionStoreDeps) {
    this.#deps = deps
  }

  /** Registers a version. Fails with `signature_refused` where signatures are enforced and it has no good one. */
  async create(version: NewVersion, actor: Actor): Promise<ModelVersion> {
    const { clock, events, sources, seals, gate, signatures } = this.#deps
    requireLength('Description', version.description, limits.description)
    requireCount('tags', version.tags, limits.listItems)
    for (const tag of version.tags) requireTag(tag)
    const isPrompt = version.tags.some((tag) => tag.key === promptTag && tag.value === 'true')
    return gate.transact(async (tx) => {
      const model = await requireModelRow(tx, version.name)
      const source = await sources.resolve(tx, version, isPrompt)
      const runId = version.runId || source.runId
      const modelId = version.modelId || source.modelId
      await requireNoneOfPurged(tx, { runId, modelId, storageLocation: source.storageLocation })
      const [counted] = await tx.query<{ version_last: number }>(
        'UPDATE registered_models SET version_last = version_last + 1, last_updated_time = ? WHERE model_key = ? RETURNING version_last',
        [clock.wallMs(), model.model_key],
      )
      const nowMs = clock.wallMs()
      const row: VersionRow = {
        model_key: model.model_key,
        name: model.name,
        version: counted?.version_last ?? 0,
        creation_time: nowMs,
        last_updated_time: nowMs,
        description: version.description,
        user_id: actor.name,
        current_stage: 'None',
        source: version.source,
        storage_location: source.storageLocation,
        run_id: runId,
        run_link: version.runLink,
        status: 'READY',
        status_message: '',
        model_id: modelId,
      }
      const columns = versionColumns
        .split(', ')
        .map((column) => column.slice(2))
        .filter((column) => column !== 'name')
      await tx.query(
        `INSERT INTO model_versions (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
        columns.map((column) => row[column] ?? null),
      )
      if (source.copiedOf !== undefined) await tellCopied(tx, row, source.copiedOf)
      await seals.seal(tx, row.storage_location)
      await tx.executeMany(
        putTag,
        version.tags.map((tag) => [row.model_key, row.version, tag.key, tag.value]),
      )
      await events.append(tx, {
        kind: 'model_version.created',
        subject: String(row.model_key),
        actor,
        details: {
          name: row.name,
          version: row.version,
          source: row.source,
          runId: row.run_id,
          description: row.description,
          tags: version.tags,
        },
      })
      await signatures.atRegistration(tx, row, actor)
      await this.#deps.endpoints.follow(tx, row.model_key)
      return read(tx, row)
    })
  }

  async require(name: string, version: string): Promise<ModelVersion> {
    const { db } = this.#deps
    return read(db, await requireVersionRow(db, name, version))
  }

  async search(query: SearchQuery): Promise<SearchPage<ModelVersion>> {
    const { db } = this.#deps
    const page = await searchPage<VersionRow>(
      db,
      {
        grammar: modelVersionsGrammar,
        target: modelVersionsTarget,
        columns: versionColumns,
        where: { sql: '1 = 1', args: [] },
        rewrite: withoutPrompts,
      },
      query,
    )
    return { items: await readVersions(db, page.items), nextPageToken: page.nextPageToken }
  }

  async describe(name: string, version: string, description: string, actor: Actor): Promise<ModelVersion> {
    requireLength('Description', description, limits.description)
    return this.#change(name, version, async (tx, row) => {
      await tx.query('UPDATE model_versions SET description = ? WHERE model_key = ? AND version = ?', [
        description,
        row.model_key,
        row.version,
      ])
      await this.#tell(tx, row, actor, { kind: 'model_version.updated', details: { description } })
      return { ...row, description }
    })
  }

  /**
   * Moves a version to a stage; with `archiveExisting` the ones that are there go to Archived in the same step. Fails
   * with `promotion_refused` when the policy doesn't let it, or an endpoint follows and can't serve the version.
   */
  async transition(
    name: string,
    version: string,
    { stage, archiveExisting }: { stage: string; archiveExisting: boolean },
    actor: Actor,
  ): Promise<ModelVersion> {
    const target = requireStage(stage)
    const serving = target === 'Staging' || target === 'Production'
    if (archiveExisting && !serving)
      throw fail('invalid_parameter', {
        reason: `Model version transition cannot archive existing model versions because '${target}' is not an Active stage. Valid stages are Staging, Production`,
      })
    const moveTo = { kind: 'stage', stage: target } as const
    const { gate, endpoints } = this.#deps
    const requireMove = async (tx: Queries, row: VersionRow): Promise<void> => {
      if (row.current_stage !== target) await gate.requireMove(tx, row, moveTo, actor)
    }
    const commit = async (tx: Queries, row: VersionRow, checked: readonly EndpointChecks[]): Promise<VersionRow> => {
      await requireMove(tx, row)
      if (archiveExisting) await this.#archiveOthers(tx, row, target, actor)
      await tx.query('UPDATE model_versions SET current_stage = ? WHERE model_key = ? AND version = ?', [
        target,
        row.model_key,
        row.version,
      ])
      await this.#tell(tx, row, actor, {
        kind: 'model_version.stage_changed',
        details: {
          stage: target,
          stageBefore: row.current_stage,
          archiveExisting,
          ...(checked.length > 0 && { checked }),
        },
      })
      await endpoints.follow(tx, row.model_key)
      return { ...row, current_stage: target }
    }
    return endpoints.around({ model: name, version, target: moveTo, archiveExisting }, actor, {
      check: () => gate.transact(async (tx) => requireMove(tx, await requireVersionRow(tx, name, version))),
      commit: (checked) => this.#change(name, version, (tx, row) => commit(tx, row, checked)),
    })
  }

  /** Deletes a version with its tags and aliases; its number is not used again. Fails when it is in use or guarded. */
  async delete(name: string, version: string, actor: Actor): Promise<void> {
    const { clock, events, gate, uses } = this.#deps
    await gate.transact(async (tx) => {
      const row = await requireVersionRow(tx, name, version)
      const what = `deleting version ${row.version} of '${row.name}'`
      await uses.requireUnused(tx, row, [row.version])
      await gate.requireUnguarded(tx, row, { what, actor, version: row.version })
      await tellAliasesLost(tx, events, row, { actor, cause: 'model_version.deleted' })
      await tx.query('DELETE FROM model_versions WHERE model_key = ? AND version = ?', [row.model_key, row.version])
      await this.#deps.seals.release(tx, [row.storage_location])
      await tx.query('UPDATE registered_models SET last_updated_time = ? WHERE model_key = ?', [
        clock.wallMs(),
        row.model_key,
      ])
      await this.#tell(tx, row, actor, { kind: 'model_version.deleted', details: {} })
    })
  }

  async setTag(name: string, version: string, tag: Tag, actor: Actor): Promise<void> {
    requireTag(tag)
    await this.#change(name, version, async (tx, row) => {
      await tx.executeMany(putTag, [[row.model_key, row.version, tag.key, tag.value]])
      await this.#tell(tx, row, actor, { kind: 'model_version_tag.set', details: { ...tag } })
      return row
    })
  }

  async deleteTag(name: string, version: string, key: string, actor: Actor): Promise<void> {
    await this.#change(name, version, async (tx, row) => {
      await tx.query('DELETE FROM model_version_tags WHERE model_key = ? AND version = ? AND key = ?', [
        row.model_key,
        row.version,
        key,
      ])
      await this.#tell(tx, row, actor, { kind: 'model_version_tag.deleted', details: { key } })
      return row
    })
  }

  async #archiveOthers(tx: Queries, row: VersionRow, stage: Stage, actor: Actor): Promise<void> {
    const archived = await tx.query<{ version: number }>(
      `UPDATE model_versions SET current_stage = 'Archived', last_updated_time = ?
       WHERE model_key = ? AND current_stage = ? AND version <> ? RETURNING version`,
      [this.#deps.clock.wallMs(), row.model_key, stage, row.version],
    )
    await this.#deps.events.appendAll(
      tx,
      archived.map(({ version }) => ({
        kind: 'model_version.stage_changed',
        subject: String(row.model_key),
        actor,
        details: { name: row.name, version, stage: 'Archived', stageBefore: stage, archivedBy: row.version },
      })),
    )
  }

  #tell(
    tx: Queries,
    row: VersionRow,
    actor: Actor,
    { kind, details }: { readonly kind: EventKind; readonly details: Readonly<Record<string, unknown>> },
  ): Promise<void> {
    return this.#deps.events.append(tx, {
      kind,
      subject: String(row.model_key),
      actor,
      details: { name: row.name, version: row.version, ...details },
    })
  }

  #change(
    name: string,
    version: string,
    change: (tx: Queries, row: VersionRow) => Promise<VersionRow>,
  ): Promise<ModelVersion> {
    const { gate, clock } = this.#deps
    return gate.transact(async (tx) => {
      const changed = await change(tx, await requireVersionRow(tx, name, version))
      const nowMs = clock.wallMs()
      const where = [nowMs, changed.model_key, changed.version]
      await tx.query('UPDATE model_versions SET last_updated_time = ? WHERE model_key = ? AND version = ?', where)
      await tx.query('UPDATE registered_models SET last_updated_time = ? WHERE model_key = ?', [
        nowMs,
        changed.model_key,
      ])
      return read(tx, { ...changed, last_updated_time: nowMs })
    })
  }
}

const putTag =
  'INSERT INTO model_version_tags (model_key, version, key, value) VALUES (?, ?, ?, ?) ON CONFLICT (model_key, version, key) DO UPDATE SET value = excluded.value'

const read = async (queries: Queries, row: VersionRow): Promise<ModelVersion> => {
  const [version] = await readVersions(queries, [row])
  if (version === undefined) throw fail('resource_missing', { reason: 'the model version is gone' })
  return version
}
