import type { Queries } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import type { ImportedVersion, ImportOutcome } from '../../protocol/index.ts'
import type { EndpointMoves } from '../endpoints/endpoint-moves.ts'
import type { Actor, EventLog } from '../event-log.ts'
import { excerpt, limits, requireKey, requireLength } from '../limits.ts'
import { tellCopied } from '../lineage/version-copies.ts'
import type { VersionRow } from '../model-rows.ts'
import { requireModelRow } from '../model-rows.ts'
import type { PromotionGate } from '../promotion/promotion-gate.ts'
import { promptTag } from '../prompt.ts'
import type { VersionSignatures } from '../signing/version-signatures.ts'
import type { SourceResolver } from '../source-resolver.ts'
import { parseModelSource } from '../source-uri.ts'
import { placeholders } from '../sql.ts'
import type { VersionSeals } from '../version-seals.ts'
import type { Mark } from './import-marks.ts'
import { digestOf, outcomeOfTaken, putMark, readMark } from './import-marks.ts'

export interface VersionPlace {
  readonly nowMs: number
  readonly events: EventLog
  readonly gate: PromotionGate
  readonly seals: VersionSeals
  readonly sources: SourceResolver
  readonly signatures: VersionSignatures
  readonly endpoints: Pick<EndpointMoves, 'follow'>
  readonly actor: Actor
}

interface ImportedModelRow {
  readonly model_key: number
  readonly version_last: number
  readonly mark: Mark
}

/** A registered model that an import made; only those take versions and aliases from imports. */
export const requireImportedModel = async (tx: Queries, name: string): Promise<ImportedModelRow> => {
  const { model_key: modelKey } = await requireModelRow(tx, name)
  const mark = await readMark(tx, 'registered_model', String(modelKey))
  if (mark === undefined)
    throw fail('resource_exists', {
      reason: `registered model '${excerpt(name)}' is here already, and no import made it`,
    })
  const [row] = await tx.query<{ version_last: number }>(
    'SELECT version_last FROM registered_models WHERE model_key = ?',
    [modelKey],
  )
  return { model_key: modelKey, version_last: row?.version_last ?? 0, mark }
}

/** Takes a version in and seals its files, as registering it does. */
export const takeVersion = async (
  tx: Queries,
  version: ImportedVersion,
  place: VersionPlace,
): Promise<ImportOutcome> => {
  requireLength('Description', version.description, limits.description)
  requireLength('Model version source', version.source ?? '', limits.artifactLocation)
  for (const { key } of version.tags) requireKey('Tag', key)
  const model = await requireImportedModel(tx, version.name)
  const what = `version ${version.version} of '${version.name}'`
  const id = `${model.model_key}/${version.version}`
  const mark = await readMark(tx, 'version', id)
  const { lastUpdatedTime: _, ...content } = version
  const digest = digestOf(content)
  const [there] = await tx.query<{ storage_location: string }>(
    'SELECT storage_location FROM model_versions WHERE model_key = ? AND version = ?',
    [model.model_key, version.version],
  )
  if (there !== undefined) {
    const outcome = outcomeOfTaken(mark, { digest, id, what })
    // Files may have come since: an import without the artifacts, and then one with them.
    if (outcome.outcome === 'present') await place.seals.seal(tx, there.storage_location)
    return outcome
  }
  if (mark !== undefined) return { outcome: 'conflict', reason: `${what} was imported, and is deleted here` }
  if (version.version > (model.mark.version_last ?? 0) && version.version <= model.version_last)
    return { outcome: 'conflict', reason: `${what}: the number was given to another version here` }
  const row = await insert(tx, model, version, place)
  await putMark(tx, { kind: 'version', id, digest }, place.nowMs)
  await tell(tx, row, version, place)
  await place.endpoints.follow(tx, model.model_key)
  return { outcome: 'created', id }
}

const insert = async (
  tx: Queries,
  model: ImportedModelRow,
  version: ImportedVersion,
  place: VersionPlace,
): Promise<VersionRow> => {
  const storageLocation = await locationOf(tx, version, place)
  const row: VersionRow = {
    model_key: model.model_key,
    name: version.name,
    version: version.version,
    creation_time: version.creationTime,
    last_updated_time: version.lastUpdatedTime,
    description: version.description,
    user_id: version.userId,
    current_stage: version.stage,
    source: version.source ?? storageLocation,
    storage_location: storageLocation,
    run_id: version.runId,
    run_link: version.runLink,
    status: version.status,
    status_message: version.statusMessage,
    model_id: version.modelId,
  }
  const columns = Object.keys(row).filter((column) => column !== 'name')
  await tx.query(
    `INSERT INTO model_versions (${columns.join(', ')}) VALUES (${placeholders(columns.length)})`,
    columns.map((column) => row[column] ?? null),
  )
  await tx.query('UPDATE registered_models SET version_last = ? WHERE model_key = ? AND version_last < ?', [
    version.version,
    model.model_key,
    version.version,
  ])
  await tx.executeMany(
    'INSERT INTO model_version_tags (model_key, version, key, value) VALUES (?, ?, ?, ?) ON CONFLICT (model_key, version, key) DO NOTHING',
    version.tags.map(({ key, value }) => [model.model_key, version.version, key, value]),
  )
  await keepCopied(tx, row)
  await place.seals.seal(tx, storageLocation)
  await place.signatures.atRegistration(tx, row, place.actor)
  if (row.current_stage !== 'None')
    await place.gate.requireMove(tx, row, { kind: 'stage', stage: version.stage }, place.actor)
  return row
}

/** Where the files are; sources that lead anywhere on a machine are refused as in a registration. */
const locationOf = async (tx: Queries, version: ImportedVersion, { sources }: VersionPlace): Promise<string> => {
  const isPrompt = version.tags.some(({ key, value }) => key === promptTag && value === 'true')
  if (version.source !== undefined) parseModelSource(version.source, { isPrompt })
  const source = version.location ?? version.source
  if (source === undefined)
    throw fail('invalid_parameter', { reason: `version ${version.version} names neither a source nor a location` })
  return (await sources.resolve(tx, { source }, isPrompt)).storageLocation
}

/** Keeps what it is a copy of, where that is here. */
const keepCopied = async (tx: Queries, row: VersionRow): Promise<void> => {
  const [, name, version] = /^models:\/+([^/@]+)\/(\d{1,15})$/.exec(row.source) ?? []
  if (name === undefined || version === undefined) return
  const [original] = await tx.query<{ model_key: number }>(
    `SELECT v.model_key FROM model_versions v JOIN registered_models m ON m.model_key = v.model_key
     WHERE m.name = ? AND v.version = ?`,
    [name, Number(version)],
  )
  if (original === undefined) return
  await tellCopied(tx, row, { modelKey: original.model_key, version: Number(version) })
}

/** The history of the version begins with its import, in the stage that it was in. */
const tell = async (tx: Queries, row: VersionRow, version: ImportedVersion, place: VersionPlace): Promise<void> => {
  const of = { subject: String(row.model_key), actor: place.actor } as const
  const base = { name: row.name, version: row.version, imported: true }
  const { source, run_id: runId, description, current_stage: stage } = row
  await place.events.append(tx, {
    ...of,
    kind: 'model_version.created',
    details: { ...base, source, runId, description, tags: version.tags },
  })
  if (stage === 'None') return
  await place.events.append(tx, {
    ...of,
    kind: 'model_version.stage_changed',
    details: { ...base, stage, stageBefore: 'None', archiveExisting: false },
  })
}
