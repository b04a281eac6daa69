import { ArtifactPlaces } from './artifact-places.ts'
import type { ImportSource } from './import-source.ts'
import { MlflowDatabase } from './mlflow-database.ts'
import { MlrunsFiles } from './mlruns-files.ts'
import { MlrunsSource } from './mlruns-source.ts'
import type { ImportReport } from './report.ts'
import { SafeFolder } from './safe-folder.ts'
import { SqliteSource } from './sqlite-source.ts'

export interface SourceOptions {
  readonly path: string
  /** A folder with the artifacts, laid out as MLflow does. */
  readonly artifacts: string | undefined
  readonly report: ImportReport
}

export const openMlruns = ({ path, artifacts, report }: SourceOptions): ImportSource => {
  const folder = new SafeFolder(path)
  const roots = artifacts === undefined ? [folder] : [folder, new SafeFolder(artifacts)]
  return new MlrunsSource(new MlrunsFiles(folder, report), new ArtifactPlaces(roots))
}

/** Without a folder of artifacts none are read: paths in the database are somebody else's words. */
export const openDatabase = ({ path, artifacts, report }: SourceOptions): ImportSource => {
  const roots = artifacts === undefined ? [] : [new SafeFolder(artifacts)]
  if (artifacts === undefined) report.leaveOut('artifacts, since --artifacts names no folder')
  return new SqliteSource(new MlflowDatabase(path), new ArtifactPlaces(roots), report)
}
