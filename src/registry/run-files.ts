import type { Queries } from '../ports/index.ts'
import { fail } from '../protocol/index.ts'
import { excerpt } from './limits.ts'
import { artifactsPath } from './source-uri.ts'

/** Where files that a run names are. */
export interface RunFiles {
  readonly location: string
  /** The logged model whose files they are; empty for the run's own. */
  readonly modelId: string
}

/**
 * The files that `runs:/RUN/PATH` means: the run's own, or else those of the model that it logged under that name, which
 * MLflow 3 keeps beside the run. Where there are none yet, the run's own place. Fails for a run that isn't there.
 */
export const runFiles = async (queries: Queries, runId: string, path: string): Promise<RunFiles> => {
  const [run] = await queries.query<{ artifact_uri: string }>('SELECT artifact_uri FROM runs WHERE run_id = ?', [runId])
  if (run === undefined) throw fail('resource_missing', { reason: `Run with id=${excerpt(runId)} not found` })
  const own = { location: joined(run.artifact_uri, path), modelId: '' }
  if (path === '' || (await hasFiles(queries, own.location))) return own
  const [name = '', ...inside] = path.split('/')
  const [model] = await queries.query<{ artifact_uri: string; model_id: string }>(
    `SELECT artifact_uri, model_id FROM logged_models WHERE source_run_id = ? AND name = ? AND lifecycle_stage = 'active'
     ORDER BY creation_time DESC, model_id LIMIT 1`,
    [runId, name],
  )
  if (model === undefined) return own
  return { location: joined(model.artifact_uri, inside.join('/')), modelId: model.model_id }
}

const joined = (root: string, path: string): string => (path === '' ? root : `${root}/${path}`)

/** Whether a place has files that this server keeps; nobody looks elsewhere. */
const hasFiles = async (queries: Queries, location: string): Promise<boolean> => {
  if (!location.startsWith('mlflow-artifacts:')) return false
  const folder = artifactsPath(location)
  // 0 follows / in ASCII: the paths below a folder are the ones from `folder/` up to `folder0`.
  const found = await queries.query('SELECT path FROM artifacts WHERE path >= ? AND path < ? LIMIT 1', [
    `${folder}/`,
    `${folder}0`,
  ])
  return found.length > 0
}
