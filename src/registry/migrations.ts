import type { Migration, SqlDialect } from '../ports/index.ts'
import { byBytes, clustered, double, int, pairs, serial } from './columns.ts'
import { gcMigration } from './gc/migration.ts'
import { historyMigration } from './history/migration.ts'
import { endpointsMigration } from './endpoints/migration.ts'
import { importMigration } from './import/migration.ts'
import { lineageMigration } from './lineage/migration.ts'
import { promotionMigration } from './promotion/migration.ts'
import { searchMigration } from './search/migration.ts'
import { signingMigration } from './signing/migration.ts'
import { tracesMigration } from './traces/migration.ts'
import { uploadsMigration } from './uploads/migration.ts'
import { usesMigration } from './uses/migration.ts'
import { webhooksMigration } from './webhooks/migration.ts'

const tracking = (dialect: SqlDialect): string[] => {
  const integer = int(dialect)
  return [
    `CREATE TABLE experiments (
      experiment_id ${serial(dialect)},
      name TEXT NOT NULL UNIQUE,
      artifact_location TEXT NOT NULL,
      lifecycle_stage TEXT NOT NULL,
      creation_time ${integer} NOT NULL,
      last_update_time ${integer} NOT NULL
    )`,
    ...pairs('experiment_tags', `experiment_id ${integer}`, 'experiments', dialect),
    `CREATE TABLE runs (
      run_id TEXT PRIMARY KEY,
      experiment_id ${integer} NOT NULL REFERENCES experiments,
      name TEXT NOT NULL,
      user_id TEXT NOT NULL,
      status TEXT NOT NULL,
      start_time ${integer},
      end_time ${integer},
      deleted_time ${integer},
      lifecycle_stage TEXT NOT NULL,
      artifact_uri TEXT NOT NULL
    )${clustered(dialect)}`,
    'CREATE INDEX runs_by_start ON runs (experiment_id, lifecycle_stage, start_time DESC, run_id)',
    ...pairs('run_tags', 'run_id TEXT', 'runs', dialect),
    ...pairs('params', 'run_id TEXT', 'runs', dialect),
    // One row a run and metric: it names the points, and holds the newest, so that search reads no history.
    `CREATE TABLE metric_series (
      series_id ${serial(dialect)},
      run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
      key TEXT NOT NULL,
      latest_value ${double(dialect)},
      latest_is_nan ${integer} NOT NULL,
      latest_step ${integer} NOT NULL,
      latest_timestamp ${integer} NOT NULL,
      UNIQUE (run_id, key)
    )`,
    'CREATE INDEX metric_series_by_key ON metric_series (key, latest_value)',
    // Databases have no NaN in common: it is 0 with is_nan = 1.
    `CREATE TABLE metric_points (
      series_id ${integer} NOT NULL REFERENCES metric_series ON DELETE CASCADE,
      step ${integer} NOT NULL,
      timestamp ${integer} NOT NULL,
      value ${double(dialect)} NOT NULL,
      is_nan ${integer} NOT NULL,
      PRIMARY KEY (series_id, step, timestamp, value, is_nan)
    )${clustered(dialect)}`,
    `CREATE TABLE datasets (
      dataset_id ${serial(dialect)},
      experiment_id ${integer} NOT NULL REFERENCES experiments ON DELETE CASCADE,
      name TEXT NOT NULL,
      digest TEXT NOT NULL,
      source_type TEXT NOT NULL,
      source TEXT NOT NULL,
      schema TEXT,
      profile TEXT,
      UNIQUE (experiment_id, name, digest)
    )`,
    `CREATE TABLE run_inputs (
      run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
      dataset_id ${integer} NOT NULL REFERENCES datasets ON DELETE CASCADE,
      context TEXT,
      tags TEXT NOT NULL,
      PRIMARY KEY (run_id, dataset_id)
    )${clustered(dialect)}`,
    'CREATE INDEX run_inputs_by_dataset ON run_inputs (dataset_id)',
  ]
}

const loggedModels = (dialect: SqlDialect): string[] => {
  const integer = int(dialect)
  return [
    `CREATE TABLE logged_models (
      model_id TEXT PRIMARY KEY,
      experiment_id ${integer} NOT NULL REFERENCES experiments,
      name TEXT NOT NULL,
      artifact_uri TEXT NOT NULL,
      status TEXT NOT NULL,
      status_message TEXT,
      model_type TEXT,
      source_run_id TEXT,
      lifecycle_stage TEXT NOT NULL,
      creation_time ${integer} NOT NULL,
      last_updated_time ${integer} NOT NULL
    )${clustered(dialect)}`,
    'CREATE INDEX logged_models_by_experiment ON logged_models (experiment_id, lifecycle_stage, creation_time DESC)',
    'CREATE INDEX logged_models_by_run ON logged_models (source_run_id)',
    ...pairs('logged_model_tags', 'model_id TEXT', 'logged_models', dialect),
    ...pairs('logged_model_params', 'model_id TEXT', 'logged_models', dialect),
    `CREATE TABLE logged_model_metrics (
      model_id TEXT NOT NULL REFERENCES logged_models ON DELETE CASCADE,
      key TEXT NOT NULL,
      dataset_name TEXT NOT NULL,
      dataset_digest TEXT NOT NULL,
      run_id TEXT NOT NULL,
      latest_value ${double(dialect)},
      latest_is_nan ${integer} NOT NULL,
      latest_step ${integer} NOT NULL,
      latest_timestamp ${integer} NOT NULL,
      PRIMARY KEY (model_id, key, dataset_name, dataset_digest, run_id)
    )${clustered(dialect)}`,
    // direction: input for models that a run read, output for those it made.
    `CREATE TABLE run_models (
      run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
      model_id TEXT NOT NULL,
      direction TEXT NOT NULL,
      step ${integer} NOT NULL,
      PRIMARY KEY (run_id, model_id, direction)
    )${clustered(dialect)}`,
    'CREATE INDEX run_models_by_model ON run_models (model_id)',
  ]
}

const registeredModels = (dialect: SqlDialect): string[] => {
  const integer = int(dialect)
  return [
    // model_key stays when the model is renamed. version_last only grows, so that a number is never used twice.
    `CREATE TABLE registered_models (
      model_key ${serial(dialect)},
      name TEXT NOT NULL UNIQUE,
      description TEXT NOT NULL,
      creation_time ${integer} NOT NULL,
      last_updated_time ${integer} NOT NULL,
      version_last ${integer} NOT NULL
    )`,
    ...pairs('registered_model_tags', `model_key ${integer}`, 'registered_models', dialect),
    `CREATE TABLE model_versions (
      model_key ${integer} NOT NULL REFERENCES registered_models ON DELETE CASCADE,
      version ${integer} NOT NULL,
      creation_time ${integer} NOT NULL,
      last_updated_time ${integer} NOT NULL,
      description TEXT NOT NULL,
      user_id TEXT NOT NULL,
      current_stage TEXT NOT NULL,
      source TEXT NOT NULL,
      storage_location TEXT NOT NULL,
      run_id TEXT NOT NULL,
      run_link TEXT NOT NULL,
      status TEXT NOT NULL,
      status_message TEXT NOT NULL,
      model_id TEXT NOT NULL,
      PRIMARY KEY (model_key, version)
    )${clustered(dialect)}`,
    'CREATE INDEX model_versions_by_run ON model_versions (run_id)',
    'CREATE INDEX model_versions_by_source ON model_versions (source)',
    'CREATE INDEX model_versions_by_location ON model_versions (storage_location)',
    'CREATE INDEX model_versions_by_model ON model_versions (model_id)',
    'CREATE INDEX model_versions_by_update ON model_versions (last_updated_time DESC)',
    `CREATE TABLE model_version_tags (
      model_key ${integer} NOT NULL,
      version ${integer} NOT NULL,
      key TEXT NOT NULL,
      value TEXT NOT NULL,
      PRIMARY KEY (model_key, version, key),
      FOREIGN KEY (model_key, version) REFERENCES model_versions ON DELETE CASCADE
    )${clustered(dialect)}`,
    'CREATE INDEX model_version_tags_by_key ON model_version_tags (key, model_key, version)',
    `CREATE TABLE model_aliases (
      model_key ${integer} NOT NULL,
      alias TEXT NOT NULL,
      version ${integer} NOT NULL,
      PRIMARY KEY (model_key, alias),
      FOREIGN KEY (model_key, version) REFERENCES model_versions ON DELETE CASCADE
    )${clustered(dialect)}`,
  ]
}

const history = (dialect: SqlDialect): string[] => {
  const integer = int(dialect)
  return [
    // Everything that happened, in order; never changed. It is audit, the history of aliases, and what webhooks are fed from.
    `CREATE TABLE registry_events (
      sequence ${serial(dialect)},
      time ${integer} NOT NULL,
      actor TEXT NOT NULL,
      kind TEXT NOT NULL,
      subject TEXT NOT NULL,
      details TEXT NOT NULL
    )`,
    'CREATE INDEX registry_events_by_subject ON registry_events (subject, sequence)',
  ]
}

const artifacts = (dialect: SqlDialect): string[] => {
  const integer = int(dialect)
  return [
    // Paths are below the artifact root, whatever they belong to; the bytes are a blob.
    `CREATE TABLE artifacts (
      path TEXT PRIMARY KEY,
      digest TEXT NOT NULL,
      bytes ${integer} NOT NULL,
      stored_time ${integer} NOT NULL
    )${clustered(dialect)}`,
    'CREATE INDEX artifacts_by_digest ON artifacts (digest)',
    // Folders whose files belong to a registered version and can't change any more.
    `CREATE TABLE sealed_folders (
      path TEXT PRIMARY KEY,
      digest TEXT NOT NULL,
      sealed_time ${integer} NOT NULL
    )${clustered(dialect)}`,
  ]
}

/** The registry's schema, step by step. */
export const registryMigrations: readonly Migration[] = [
  {
    id: '0001-registry',
    statements: (dialect) =>
      [tracking, loggedModels, registeredModels, artifacts, history].flatMap((part) => byBytes(part(dialect), dialect)),
  },
  tracesMigration,
  uploadsMigration,
  historyMigration,
  promotionMigration,
  usesMigration,
  signingMigration,
  lineageMigration,
  gcMigration,
  importMigration,
  webhooksMigration,
  searchMigration,
  endpointsMigration,
]
