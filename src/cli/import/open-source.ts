import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Refusal } from '../command.ts'
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

const namesIn = (folder: string): string[] =>
  statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true ? readdirSync(folder) : []

const hasMeta = (folder: string): boolean =>
  namesIn(folder).some((name) => statSync(join(folder, name, 'meta.yaml'), { throwIfNoEntry: false }) !== undefined)

/** Whether a folder is MLflow's file store: experiments, deleted ones or registered models have a meta.yaml each. */
const isMlruns = (folder: string): boolean => ['', '.trash', 'models'].some((below) => hasMeta(join(folder, below)))

/** Says what a folder may be instead, so that a wrong one isn't taken for one that has nothing. */
const requireMlruns = (path: string): void => {
  if (isMlruns(path)) return
  const database = namesIn(path).find((name) => name.endsWith('.db'))
  const hint = isMlruns(join(path, 'mlruns'))
    ? `; name the one in it: slipway import mlruns ${join(path, 'mlruns')}`
    : database === undefined
      ? ''
      : `; a database is imported by: slipway import sqlite ${join(path, database)}`
  throw new Refusal(`'${path}' is no folder of MLflow's file store: no folder in it has a meta.yaml${hint}`)
}

export const openMlruns = ({ path, artifacts, report }: SourceOptions): ImportSource => {
  const folder = new SafeFolder(path)
  requireMlruns(path)
  const roots = artifacts === undefined ? [folder] : [folder, new SafeFolder(artifacts)]
  return new MlrunsSource(new MlrunsFiles(folder, report), new ArtifactPlaces(roots))
}

/** Without a folder of artifacts none are read: paths in the database are somebody else's words. */
export const openDatabase = ({ path, artifacts, report }: SourceOptions): ImportSource => {
  const roots = artifacts === undefined ? [] : [new SafeFolder(artifacts)]
  if (artifacts === undefined) report.leaveOut('artifacts, since --artifacts names no folder')
  return new SqliteSource(new MlflowDatabase(path), new ArtifactPlaces(roots), report)
}
