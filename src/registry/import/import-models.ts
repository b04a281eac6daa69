import type { Queries } from '../../ports/index.ts'
import type { ImportedAlias, ImportedRegisteredModel, ImportOutcome } from '../../protocol/index.ts'
import type { EndpointMoves } from '../endpoints/endpoint-moves.ts'
import type { Actor, EventLog } from '../event-log.ts'
import { takeName } from '../history/model-names.ts'
import { limits, requireKey, requireLength } from '../limits.ts'
import { requireAlias, requireModelName } from '../model-name.ts'
import { requireVersionRow } from '../model-rows.ts'
import type { PromotionGate } from '../promotion/promotion-gate.ts'
import type { Mark } from './import-marks.ts'
import { digestOf, outcomeOfTaken, putMark, readMark } from './import-marks.ts'
import { requireImportedModel } from './import-versions.ts'

export interface ModelPlace {
  readonly nowMs: number
  readonly events: EventLog
  readonly gate: PromotionGate
  readonly endpoints: Pick<EndpointMoves, 'follow'>
  readonly actor: Actor
}

export const takeRegisteredModel = async (
  tx: Queries,
  model: ImportedRegisteredModel,
  place: ModelPlace,
): Promise<ImportOutcome> => {
  const { name, description, versionLast } = model
  requireModelName(name)
  requireLength('Description', description, limits.description)
  for (const { key } of model.tags) requireKey('Tag', key)
  const { versionLast: _, lastUpdatedTime: __, ...content } = model
  const digest = digestOf(content)
  const [row] = await tx.query<{ model_key: number; version_last: number }>(
    'SELECT model_key, version_last FROM registered_models WHERE name = ?',
    [name],
  )
  if (row !== undefined) {
    const key = String(row.model_key)
    const mark = await readMark(tx, 'registered_model', key)
    if (mark !== undefined) await reserve(tx, { key, mark, counted: row.version_last, versionLast }, place)
    return outcomeOfTaken(mark, { digest, id: name, what: `registered model '${name}'` })
  }
  const [made] = await tx.query<{ model_key: number }>(
    `INSERT INTO registered_models (name, description, creation_time, last_updated_time, version_last)
     VALUES (?, ?, ?, ?, ?) RETURNING model_key`,
    [name, description, model.creationTime, model.lastUpdatedTime, versionLast],
  )
  const modelKey = made?.model_key ?? 0
  await takeName(tx, name, modelKey, place.nowMs)
  await tx.executeMany(
    'INSERT INTO registered_model_tags (model_key, key, value) VALUES (?, ?, ?) ON CONFLICT (model_key, key) DO NOTHING',
    model.tags.map(({ key, value }) => [modelKey, key, value]),
  )
  await putMark(tx, { kind: 'registered_model', id: String(modelKey), digest, versionLast }, place.nowMs)
  await place.events.append(tx, {
    kind: 'registered_model.created',
    subject: String(modelKey),
    actor: place.actor,
    details: { name, description, tags: model.tags, imported: true },
  })
  return { outcome: 'created', id: name }
}

interface Numbers {
  readonly key: string
  readonly mark: Mark
  /** The highest number here. */
  readonly counted: number
  /** The highest number there. */
  readonly versionLast: number
}

/** Numbers that came there since the last import are still free here when nobody registered anything meanwhile. */
const reserve = async (tx: Queries, { key, mark, counted, versionLast }: Numbers, place: ModelPlace): Promise<void> => {
  if (counted !== mark.version_last || versionLast <= counted) return
  await tx.query('UPDATE registered_models SET version_last = ? WHERE model_key = ?', [versionLast, Number(key)])
  await putMark(tx, { kind: 'registered_model', id: key, digest: mark.digest, versionLast }, place.nowMs)
}

/** Points an alias at a version, unless it points at another one; a policy that guards it is asked. */
export const takeAlias = async (tx: Queries, item: ImportedAlias, place: ModelPlace): Promise<ImportOutcome> => {
  const { name, version } = item
  const alias = requireAlias(item.alias)
  const { model_key: modelKey } = await requireImportedModel(tx, name)
  const id = `${name}@${alias}`
  const [there] = await tx.query<{ version: number }>(
    'SELECT version FROM model_aliases WHERE model_key = ? AND alias = ?',
    [modelKey, alias],
  )
  if (there?.version === version) return { outcome: 'present', id }
  if (there !== undefined)
    return { outcome: 'conflict', reason: `'${id}' points at version ${there.version} here, at ${version} there` }
  const row = await requireVersionRow(tx, name, String(version))
  await place.gate.requireMove(tx, row, { kind: 'alias', alias }, place.actor)
  await tx.query('INSERT INTO model_aliases (model_key, alias, version) VALUES (?, ?, ?)', [modelKey, alias, version])
  await place.events.append(tx, {
    kind: 'model_version_alias.created',
    subject: String(modelKey),
    actor: place.actor,
    details: { name, alias, version, versionBefore: null, imported: true },
  })
  await place.endpoints.follow(tx, modelKey)
  return { outcome: 'created', id }
}
