import type { Queries } from '../ports/index.ts'
import { fail } from '../protocol/index.ts'
import type { Tag } from './experiment.ts'
import { excerpt } from './limits.ts'
import { requireModelName, requireVersion } from './model-name.ts'
import type { Alias, ModelVersion, RegisteredModel, Stage, VersionStatus } from './registered-model.ts'
import { chunks, placeholders } from './sql.ts'

export interface ModelRow extends Readonly<Record<string, string | number>> {
  readonly model_key: number
  readonly name: string
  readonly description: string
  readonly creation_time: number
  readonly last_updated_time: number
}

export const modelColumns = 'm.model_key, m.name, m.description, m.creation_time, m.last_updated_time'

export interface VersionRow extends Readonly<Record<string, string | number>> {
  readonly model_key: number
  readonly name: string
  readonly version: number
  readonly creation_time: number
  readonly last_updated_time: number
  readonly description: string
  readonly user_id: string
  readonly current_stage: string
  readonly source: string
  readonly storage_location: string
  readonly run_id: string
  readonly run_link: string
  readonly status: string
  readonly status_message: string
  readonly model_id: string
}

export const versionColumns =
  'v.model_key, m.name, v.version, v.creation_time, v.last_updated_time, v.description, v.user_id, v.current_stage, v.source, v.storage_location, v.run_id, v.run_link, v.status, v.status_message, v.model_id'

export const versionsFrom = 'model_versions v JOIN registered_models m ON m.model_key = v.model_key'

export const requireModelRow = async (queries: Queries, name: string): Promise<ModelRow> => {
  requireModelName(name)
  const [row] = await queries.query<ModelRow>(`SELECT ${modelColumns} FROM registered_models m WHERE m.name = ?`, [
    name,
  ])
  if (row === undefined)
    throw fail('resource_missing', { reason: `Registered Model with name=${excerpt(name)} not found` })
  return row
}

export const requireVersionRow = async (queries: Queries, name: string, version: string): Promise<VersionRow> => {
  requireModelName(name)
  const [row] = await queries.query<VersionRow>(
    `SELECT ${versionColumns} FROM ${versionsFrom} WHERE m.name = ? AND v.version = ?`,
    [name, requireVersion(version)],
  )
  if (row === undefined)
    throw fail('resource_missing', {
      reason: `Model Version (name=${excerpt(name)}, version=${excerpt(version)}) not found`,
    })
  return row
}

const versionKey = (row: { readonly model_key: number; readonly version: number }): string =>
  `${row.model_key}/${row.version}`

interface VersionTagRow extends Readonly<Record<string, string | number>> {
  readonly model_key: number
  readonly version: number
  readonly key: string
  readonly value: string
}

/** Completes versions with their tags and aliases. */
export const readVersions = async (queries: Queries, rows: readonly VersionRow[]): Promise<ModelVersion[]> => {
  const tags = new Map<string, Tag[]>(rows.map((row) => [versionKey(row), []]))
  const aliases = new Map<string, string[]>(rows.map((row) => [versionKey(row), []]))
  for (const part of chunks(rows)) {
    const pairs = part.map(() => '(CAST(? AS BIGINT), CAST(? AS BIGINT))').join(', ')
    const args = part.flatMap((row) => [row.model_key, row.version])
    for (const row of await queries.query<VersionTagRow>(
      `SELECT model_key, version, key, value FROM model_version_tags WHERE (model_key, version) IN (VALUES ${pairs}) ORDER BY key`,
      args,
    ))
      tags.get(versionKey(row))?.push({ key: row.key, value: row.value })
    for (const row of await queries.query<{ model_key: number; version: number; alias: string }>(
      `SELECT model_key, version, alias FROM model_aliases WHERE (model_key, version) IN (VALUES ${pairs}) ORDER BY alias`,
      args,
    ))
      aliases.get(versionKey(row))?.push(row.alias)
  }
  return rows.map((row) => ({
    name: row.name,
    version: row.version,
    creationTime: row.creation_time,
    lastUpdatedTime: row.last_updated_time,
    description: row.description,
    userId: row.user_id,
    stage: row.current_stage as Stage,
    source: row.source,
    storageLocation: row.storage_location,
    runId: row.run_id,
    runLink: row.run_link,
    status: row.status as VersionStatus,
    statusMessage: row.status_message,
    modelId: row.model_id,
    tags: tags.get(versionKey(row)) ?? [],
    aliases: aliases.get(versionKey(row)) ?? [],
  }))
}

/** Completes models with tags, aliases and the newest version of each stage. */
export const readModels = async (queries: Queries, rows: readonly ModelRow[]): Promise<RegisteredModel[]> => {
  const tags = new Map<number, Tag[]>(rows.map((row) => [row.model_key, []]))
  const aliases = new Map<number, Alias[]>(rows.map((row) => [row.model_key, []]))
  const latest = new Map<string, ModelVersion[]>()
  for (const part of chunks(rows)) {
    const list = placeholders(part.length)
    const keys = part.map((row) => row.model_key)
    for (const row of await queries.query<{ model_key: number; key: string; value: string }>(
      `SELECT model_key, key, value FROM registered_model_tags WHERE model_key IN (${list}) ORDER BY key`,
      keys,
    ))
      tags.get(row.model_key)?.push({ key: row.key, value: row.value })
    for (const row of await queries.query<{ model_key: number; alias: string; version: number }>(
      `SELECT model_key, alias, version FROM model_aliases WHERE model_key IN (${list}) ORDER BY alias`,
      keys,
    ))
      aliases.get(row.model_key)?.push({ alias: row.alias, version: row.version })
    const newest = await queries.query<VersionRow>(
      `SELECT ${versionColumns} FROM ${versionsFrom} JOIN (
         SELECT model_key, current_stage, MAX(version) AS newest FROM model_versions
         WHERE model_key IN (${list}) AND status = 'READY' GROUP BY model_key, current_stage
       ) n ON n.model_key = v.model_key AND n.newest = v.version ORDER BY v.version`,
      keys,
    )
    for (const version of await readVersions(queries, newest)) {
      const versions = latest.get(version.name)
      if (versions === undefined) latest.set(version.name, [version])
      else versions.push(version)
    }
  }
  return rows.map((row) => ({
    name: row.name,
    description: row.description,
    creationTime: row.creation_time,
    lastUpdatedTime: row.last_updated_time,
    tags: tags.get(row.model_key) ?? [],
    aliases: aliases.get(row.model_key) ?? [],
    latestVersions: latest.get(row.name) ?? [],
  }))
}
