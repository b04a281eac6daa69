import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import type { SqlRow } from '../../ports/index.ts'
import { registryMigrations } from '../migrations.ts'
import { compileFilter } from './compile-filter.ts'
import { experimentsGrammar } from './grammar-experiments.ts'
import { loggedModelsGrammar } from './grammar-logged-models.ts'
import { modelVersionsGrammar } from './grammar-model-versions.ts'
import { registeredModelsGrammar } from './grammar-registered-models.ts'
import { runsGrammar } from './grammar-runs.ts'
import { keyset } from './keyset.ts'
import type { SearchedDataset } from './on-datasets.ts'
import { parseFilter } from './parse-filter.ts'
import { type OrderTerm, parseOrderBy } from './parse-order-by.ts'
import { parseOrderFields } from './parse-order-fields.ts'
import type { SearchGrammar } from './search-grammar.ts'
import type { SearchTarget } from './search-target.ts'
import { experimentsTarget } from './target-experiments.ts'
import { loggedModelsTarget, measuredOn } from './target-logged-models.ts'
import { modelVersionsTarget } from './target-model-versions.ts'
import { registeredModelsTarget } from './target-registered-models.ts'
import { runsTarget } from './target-runs.ts'

function openExamples(): DatabaseSync {
  const db = new DatabaseSync(':memory:', { enableForeignKeyConstraints: false })
  for (const migration of registryMigrations) for (const statement of migration.statements('sqlite')) db.exec(statement)
  db.exec(`
    PRAGMA case_sensitive_like=ON;
    INSERT INTO experiments VALUES (9, 'Nine', '', 'active', 10, 11), (10, 'Ten', '', 'active', 5, 12),
      (11, 'Eleven', '', 'active', 10, 12);
    INSERT INTO experiment_tags VALUES (9, 'team', 'a'), (10, 'team', 'b');
    INSERT INTO registered_models VALUES (1, 'Fraud', '', 1, 9, 2), (2, 'churn', '', 2, 9, 1), (3, 'price', '', 3, 8, 0);
    INSERT INTO registered_model_tags VALUES (1, 'owner', 'x'), (2, 'owner', 'y');
    INSERT INTO model_versions VALUES
      (1, 1, 1, 5, '', '', 'None', 's3://b/1', '', 'run1', '', 'READY', '', ''),
      (1, 2, 2, 4, '', '', 'None', 's3://b/2', '', 'run2', '', 'READY', '', ''),
      (1, 10, 3, 4, '', '', 'None', 'file:c', '', '', '', 'READY', '', ''),
      (2, 1, 4, 4, '', '', 'None', 's3://B/3', '', 'run1', '', 'READY', '', '');
    INSERT INTO model_version_tags VALUES (1, 1, 'gate', 'open'), (1, 2, 'gate', 'shut'), (2, 1, 'gate', 'open');
    INSERT INTO logged_models VALUES
      ('m-1', 1, 'one', '', 'LOGGED_MODEL_READY', '', 'tree', NULL, 'active', 1, 1),
      ('m-2', 1, 'two', '', 'LOGGED_MODEL_READY', '', NULL, 'run1', 'active', 2, 2),
      ('m-3', 1, 'three', '', 'LOGGED_MODEL_PENDING', '', NULL, 'run2', 'active', 3, 3);
    INSERT INTO logged_model_params VALUES ('m-1', 'depth', '3');
    INSERT INTO logged_model_tags VALUES ('m-2', 'k', 'v');
    INSERT INTO logged_model_metrics VALUES
      ('m-1', 'auc', 'train', 'd1', 'run1', 0.9, 0, 0, 1), ('m-1', 'auc', 'test', 'd2', 'run1', 0.6, 0, 0, 2),
      ('m-2', 'auc', 'train', 'd1', 'run1', 0.5, 0, 0, 3), ('m-2', 'auc', 'test', 'd3', 'run1', 0.8, 0, 0, 1),
      ('m-3', 'auc', 'train', 'd1', 'run1', 0, 1, 0, 1);`)
  return db
}

interface Search {
  readonly grammar: SearchGrammar
  readonly target: SearchTarget
  /** What names a row, in SQL. */
  readonly id: string
  readonly filter?: string
  readonly orderBy?: readonly string[]
  readonly order?: readonly OrderTerm[]
  readonly datasets?: readonly SearchedDataset[]
}

/** All rows, gathered in pages of one, which puts every row through the condition of a token. */
function found({ grammar, target, id, filter = '', orderBy = [], order, datasets = [] }: Search): string {
  using db = openExamples()
  const condition = compileFilter(parseFilter(filter, grammar), target)
  const measured = measuredOn(datasets)
  const plan = keyset({ target, order: order ?? parseOrderBy(orderBy, grammar), binding: filter })
  const ids: unknown[] = []
  let token: string | undefined
  do {
    const after = plan.after(token)
    const row = db
      .prepare(
        `SELECT ${id} AS id, ${plan.columns} FROM ${target.from}${plan.joins.sql}
         WHERE ${condition.sql} AND ${measured.sql} AND ${after.sql} ORDER BY ${plan.orderBy} LIMIT 1`,
      )
      .get(...plan.joins.args, ...condition.args, ...measured.args, ...after.args)
    if (row) ids.push(row['id'])
    token = row && plan.tokenAfter(row as SqlRow)
  } while (token !== undefined)
  return ids.join(' ')
}

describe('a search', () => {
  const experiments = { grammar: experimentsGrammar, target: experimentsTarget, id: 'e.experiment_id' }
  it('of experiments starts with the newest', () => {
    expect(found(experiments)).toBe('11 10 9')
    expect(found({ ...experiments, orderBy: ['creation_time DESC', 'last_update_time'] })).toBe('9 11 10')
    expect(found({ ...experiments, filter: "name LIKE 'T%' OR creation_time > 5 AND tags.team IS NULL" })).toBe('11 10')
    expect(found({ ...experiments, filter: "NOT tags.team = 'a'" })).toBe('11 10')
    expect(found({ ...experiments, filter: "tags.team != 'a'" })).toBe('10')
  })

  const models = { grammar: registeredModelsGrammar, target: registeredModelsTarget, id: 'm.name' }
  it('of registered models goes by name', () => {
    expect(found(models)).toBe('Fraud churn price')
    expect(found({ ...models, orderBy: ['timestamp DESC', 'name DESC'] })).toBe('churn Fraud price')
    expect(found({ ...models, filter: "name LIKE 'f%'" })).toBe('')
    expect(found({ ...models, filter: "name ILIKE 'f%' AND tags.owner = 'x'" })).toBe('Fraud')
  })

  const versions = { grammar: modelVersionsGrammar, target: modelVersionsTarget, id: "m.name || '/' || v.version" }
  it('of model versions goes by the last update, then name and newest number', () => {
    expect(found(versions)).toBe('Fraud/1 Fraud/10 Fraud/2 churn/1')
    const byName = { ...versions, orderBy: ['name', 'version_number DESC'] }
    expect(found(byName)).toBe('Fraud/10 Fraud/2 Fraud/1 churn/1')
    expect(found({ ...versions, filter: "version_number >= '1.5' AND name = 'Fraud'" })).toBe('Fraud/10 Fraud/2')
    expect(found({ ...versions, filter: "run_id IN ('run1') AND tags.gate = 'open'" })).toBe('Fraud/1 churn/1')
    expect(found({ ...versions, filter: "source_path LIKE 's3://b/%'" })).toBe('Fraud/1 Fraud/2')
  })

  const logged = { grammar: loggedModelsGrammar, target: loggedModelsTarget([]), id: 'l.model_id' }
  it('of logged models starts with the newest', () => {
    expect(found(logged)).toBe('m-3 m-2 m-1')
    expect(found({ ...logged, filter: "model_type = 'tree' OR tags.k = 'v'" })).toBe('m-2 m-1')
    expect(found({ ...logged, filter: "NOT source_run_id = 'run1' AND params.depth IN ('3')" })).toBe('m-1')
    expect(found({ ...logged, filter: 'metrics.auc > 0.7' })).toBe('m-2 m-1')
    expect(found({ ...logged, orderBy: ['model_type', 'source_run_id'] })).toBe('m-1 m-2 m-3')
  })

  it('of logged models looks only at the metrics on the datasets asked for', () => {
    const on = (...datasets: SearchedDataset[]): Search => ({
      ...logged,
      target: loggedModelsTarget(datasets),
      datasets,
    })
    expect(found({ ...on({ name: 'train' }), filter: 'metrics.auc > 0.7' })).toBe('m-1')
    expect(found({ ...on({ name: 'test', digest: 'd2' }), filter: 'metrics.auc < 0.7' })).toBe('m-1')
    expect(found(on({ name: 'test' }))).toBe('m-2 m-1')
    expect(found(on({ name: 'test', digest: 'd2' }, { name: 'train', digest: 'd1' }))).toBe('m-3 m-2 m-1')
  })

  it('of logged models orders by the newest value of a metric, or by that on one dataset', () => {
    const by = (dataset?: string): Search => ({
      ...logged,
      order: parseOrderFields(
        [{ field_name: 'metrics.auc', ascending: false, ...(dataset && { dataset_name: dataset }) }],
        loggedModelsGrammar,
      ),
    })
    expect(found(by())).toBe('m-1 m-2 m-3')
    expect(found(by('test'))).toBe('m-2 m-1 m-3')
    expect(found(by('train'))).toBe('m-1 m-2 m-3')
  })
})

describe('the SQL of a search', () => {
  const attack = "'; DROP TABLE runs; --"
  it('holds no value and no key that a user chose', () => {
    const quoted = `'${attack.replaceAll("'", "''")}'`
    const filter = `tags."${attack}" = ${quoted} OR metrics.\`${attack}\` IN (7, 0.5) OR run_name ILIKE ${quoted}
      OR params."${attack}" IS NULL OR datasets.name IN (${quoted})`
    const { sql, args } = compileFilter(parseFilter(filter, runsGrammar), runsTarget)
    expect(args).toEqual([attack, attack, attack, 7, 0.5, attack, attack, attack])
    expect(sql.split('?')).toHaveLength(args.length + 1)
    expect(sql).not.toMatch(/DROP|;|--|7|0\.5/)
    const plan = keyset({
      target: runsTarget,
      order: parseOrderBy([`tags."${attack}" DESC`, `metrics."${attack}"`], runsGrammar),
      binding: attack,
    })
    const token = plan.tokenAfter({ sort_0: attack, sort_1: 0, sort_2: 7, sort_3: null, sort_4: attack })
    const after = plan.after(token)
    expect([plan.columns, plan.joins.sql, plan.orderBy, after.sql].join(' ')).not.toMatch(/DROP|;|--|7/)
    expect(after.sql.split('?')).toHaveLength(after.args.length + 1)
  })

  it('takes backslashes in a pattern for themselves', () => {
    expect(compileFilter(parseFilter("run_name LIKE 'a\\%'", runsGrammar), runsTarget)).toEqual({
      sql: "r.name LIKE ? ESCAPE '\\'",
      args: ['a\\\\%'],
    })
  })

  it('gives no page for the token of another order, filter or search', () => {
    const plan = (orderBy: string[], binding = ''): ReturnType<typeof keyset> =>
      keyset({ target: runsTarget, order: parseOrderBy(orderBy, runsGrammar), binding })
    const token = plan(['run_name']).tokenAfter({ sort_0: 'a', sort_1: 1, sort_2: 'r' })
    expect(plan(['run_name']).after(token).args).toContain('r')
    expect(() => plan(['run_name DESC']).after(token)).toThrow('Invalid page token')
    expect(() => plan(['user_id']).after(token)).toThrow('Invalid page token')
    expect(() => plan(['run_name'], 'x').after(token)).toThrow('Invalid page token')
    expect(plan(['run_name']).after('').args).toEqual([])
  })

  it('stays fast for the worst pattern that is allowed', () => {
    using db = new DatabaseSync(':memory:')
    const { sql, args } = compileFilter(parseFilter(`run_name LIKE '${'%a'.repeat(50)}b'`, runsGrammar), runsTarget)
    const started = performance.now()
    db.prepare(`SELECT count(*) FROM (SELECT ? AS name) r WHERE ${sql}`).get('a'.repeat(8000), ...args)
    expect(performance.now() - started).toBeLessThan(1000)
  })
})
