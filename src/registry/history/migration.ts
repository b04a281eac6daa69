import type { Migration, SqlDialect } from '../../ports/index.ts'
import { byBytes, int, serial } from '../columns.ts'

/** Events that say where an alias points; the index below holds just these. */
export const ofAliases = `kind IN ('model_version_alias.created', 'model_version_alias.deleted')`
/** Events that say what stage a version is in. */
export const ofStages = `kind IN ('model_version.created', 'model_version.stage_changed', 'model_version.deleted', 'registered_model.deleted')`

const history = (dialect: SqlDialect): string[] => [
  // Which model had a name, from one time up to another; the one that has it still has no end. Rows outlive their models.
  `CREATE TABLE model_names (
    name_id ${serial(dialect)},
    name TEXT NOT NULL,
    model_key ${int(dialect)} NOT NULL,
    since_time ${int(dialect)} NOT NULL,
    until_time ${int(dialect)}
  )`,
  'CREATE INDEX model_names_by_name ON model_names (name, name_id)',
  'CREATE INDEX model_names_by_model ON model_names (model_key, name_id)',
  'INSERT INTO model_names (name, model_key, since_time) SELECT name, model_key, creation_time FROM registered_models',
  'CREATE INDEX registry_events_by_time ON registry_events (time, sequence)',
  'CREATE INDEX registry_events_by_kind ON registry_events (kind, time, sequence)',
  'CREATE INDEX registry_events_by_actor ON registry_events (actor, time, sequence)',
  // Partial, so that the many events of runs don't pay for them.
  `CREATE INDEX registry_events_of_aliases ON registry_events (subject, sequence) WHERE ${ofAliases}`,
  `CREATE INDEX registry_events_of_stages ON registry_events (subject, sequence) WHERE ${ofStages}`,
]

/** What names models had, and ways into the events. */
export const historyMigration: Migration = {
  id: '0010-history',
  statements: (dialect) => byBytes(history(dialect), dialect),
}
