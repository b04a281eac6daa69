import type { Queries } from '../ports/index.ts'
import { fail } from '../protocol/index.ts'
import { excerpt } from './limits.ts'
import { requireModelRow, requireVersionRow, versionColumns, versionsFrom } from './model-rows.ts'
import type { VersionRow } from './model-rows.ts'
import { runFiles } from './run-files.ts'
import { parseModelSource } from './source-uri.ts'

export interface ResolvedSource {
  /** Where the files really are. */
  readonly storageLocation: string
  /** What the source tells of its origin; empty where it tells nothing. */
  readonly runId: string
  readonly modelId: string
  /** The version that it is a copy of. */
  readonly copiedOf?: { readonly modelKey: number; readonly version: number }
}

/** Finds out where a version's files are, from the source that the caller names. */
export class SourceResolver {
  async resolve(tx: Queries, version: { readonly source: string }, isPrompt: boolean): Promise<ResolvedSource> {
    const source = parseModelSource(version.source, { isPrompt })
    switch (source.kind) {
      case 'logged-model':
        return loggedModel(tx, source.modelId)
      case 'model-version':
        return ofVersion(await requireVersionRow(tx, source.name, source.version))
      case 'model-alias':
        return ofVersion(await aliased(tx, source.name, source.alias))
      case 'run': {
        const { location, modelId } = await runFiles(tx, source.runId, source.path)
        return { storageLocation: location, runId: source.runId, modelId }
      }
      default:
        return { storageLocation: version.source, runId: '', modelId: '' }
    }
  }
}

const loggedModel = async (tx: Queries, modelId: string): Promise<ResolvedSource> => {
  const [row] = await tx.query<{ artifact_uri: string; source_run_id: string | null }>(
    `SELECT artifact_uri, source_run_id FROM logged_models WHERE model_id = ? AND lifecycle_stage = 'active'`,
    [modelId],
  )
  if (row === undefined)
    throw fail('resource_missing', { reason: `Logged model with ID '${excerpt(modelId)}' not found.` })
  return { storageLocation: row.artifact_uri, runId: row.source_run_id ?? '', modelId }
}

const ofVersion = (row: VersionRow): ResolvedSource => ({
  storageLocation: row.storage_location,
  runId: row.run_id,
  modelId: row.model_id,
  copiedOf: { modelKey: row.model_key, version: row.version },
})

const aliased = async (tx: Queries, name: string, alias: string): Promise<VersionRow> => {
  const [row] = await tx.query<VersionRow>(
    `SELECT ${versionColumns} FROM ${versionsFrom} JOIN model_aliases a ON a.model_key = v.model_key AND a.version = v.version
     WHERE m.name = ? AND a.alias = ?`,
    [name, alias],
  )
  if (row !== undefined) return row
  await requireModelRow(tx, name)
  throw fail('invalid_parameter', { reason: `Registered model alias ${excerpt(alias)} not found.` })
}
