import type { Queries } from '../../ports/index.ts'
import { chunks, placeholders } from '../sql.ts'
import { folderOf } from '../version-seals.ts'
import type { Endpoint, EndpointTarget, ServedFiles } from './endpoint.ts'
import type { ModelReference, ReferenceKind } from './model-reference.ts'
import { referenceText } from './model-reference.ts'

export interface EndpointRow extends Readonly<Record<string, string | number | null>> {
  readonly name: string
  readonly kind: string
  readonly model_key: number | null
  readonly selector: string
  readonly version: number | null
  /** Where a run's files are, below the artifact root; null for versions. */
  readonly folder: string | null
  readonly created_by: string
  readonly created_time: number
  /** The model's name now. */
  readonly model: string | null
  readonly storage_location: string | null
}

const select = `SELECT e.name, e.kind, e.model_key, e.selector, e.version, e.folder, e.created_by, e.created_time, m.name AS model,
  v.storage_location FROM endpoints e LEFT JOIN registered_models m ON m.model_key = e.model_key
  LEFT JOIN model_versions v ON v.model_key = e.model_key AND v.version = e.version`

/** Most endpoints of one registry. */
export const endpointsMax = 10_000

export const endpointRows = (queries: Queries): Promise<EndpointRow[]> =>
  queries.query<EndpointRow>(`${select} ORDER BY e.name LIMIT ?`, [endpointsMax])

export const endpointRow = async (queries: Queries, name: string): Promise<EndpointRow | undefined> =>
  (await queries.query<EndpointRow>(`${select} WHERE e.name = ?`, [name]))[0]

/** Endpoints that follow a registered model. */
export const endpointRowsOf = (queries: Queries, modelKey: number): Promise<EndpointRow[]> =>
  queries.query<EndpointRow>(`${select} WHERE e.model_key = ? ORDER BY e.name LIMIT ?`, [modelKey, endpointsMax])

export const readEndpoint = (row: EndpointRow): Endpoint => ({
  name: row.name,
  reference: referenceText(referenceOf(row)),
  kind: row.kind as ReferenceKind,
  model: row.model ?? undefined,
  version: row.version ?? undefined,
  createdBy: row.created_by,
  createdTime: row.created_time,
})

const referenceOf = ({ kind, model, selector }: EndpointRow): ModelReference =>
  kind === 'run'
    ? { kind, model: undefined, selector }
    : { kind: kind as Exclude<ReferenceKind, 'run'>, model: model ?? '', selector }

/** Digests of sealed folders by their paths. */
export const sealedDigests = async (
  queries: Queries,
  folders: readonly string[],
): Promise<ReadonlyMap<string, string>> => {
  const found = new Map<string, string>()
  for (const part of chunks([...new Set(folders)])) {
    const rows = await queries.query<{ path: string; digest: string }>(
      `SELECT path, digest FROM sealed_folders WHERE path IN (${placeholders(part.length)})`,
      part,
    )
    for (const { path, digest } of rows) found.set(path, digest)
  }
  return found
}

const folderOfRow = (row: EndpointRow): string | undefined =>
  row.folder ?? (folderOf(row.storage_location ?? '') || undefined)

/** What endpoints stand for. */
export const readTargets = async (queries: Queries, rows: readonly EndpointRow[]): Promise<EndpointTarget[]> => {
  const folders = rows.flatMap((row) => folderOfRow(row) ?? [])
  const digests = await sealedDigests(queries, folders)
  return rows.map((row) => {
    const endpoint = readEndpoint(row)
    const folder = folderOfRow(row)
    const digest = folder === undefined ? undefined : digests.get(folder)
    if (folder !== undefined && digest !== undefined)
      return { endpoint, files: { version: row.version ?? 1, folder, digest }, problem: undefined }
    return { endpoint, files: undefined, problem: problemOf(row, folder) }
  })
}

const problemOf = (row: EndpointRow, folder: string | undefined): string => {
  if (row.kind !== 'run' && row.storage_location === null)
    return `${referenceText(referenceOf(row))} names no version yet`
  return noFiles(row.storage_location, folder)
}

/** Why a version can't be served. */
export const noFiles = (location: string | null, folder: string | undefined): string =>
  folder === undefined
    ? `its files are at ${location ?? 'no place'}, which this server doesn't keep`
    : 'it has no files'

/** A version's files, when it can be served. */
export const servedFiles = async (
  queries: Queries,
  row: { readonly version: number; readonly storage_location: string },
): Promise<ServedFiles | undefined> => {
  const folder = folderOf(row.storage_location) || undefined
  if (folder === undefined) return undefined
  const digest = (await sealedDigests(queries, [folder])).get(folder)
  return digest === undefined ? undefined : { version: row.version, folder, digest }
}
