import { DatabaseSync } from 'node:sqlite'
import { expect, it } from 'vitest'
import type { Queries, SqlRow, SqlValue } from '../../ports/index.ts'
import { registryMigrations } from '../migrations.ts'
import { runsGrammar } from './grammar-runs.ts'
import { searchPage, type SearchQuery } from './search-page.ts'
import { runsTarget } from './target-runs.ts'

const open = (runs: number): DatabaseSync => {
  const db = new DatabaseSync(':memory:', { enableForeignKeyConstraints: false })
  for (const migration of registryMigrations) for (const statement of migration.statements('sqlite')) db.exec(statement)
  const run = db.prepare(
    `INSERT INTO runs (run_id, name, user_id, status, start_time, artifact_uri, experiment_id, lifecycle_stage)
     VALUES (?, '', '', '', 1, '', 1, 'active')`,
  )
  const metric = db.prepare(
    "INSERT INTO metric_series (run_id, key, latest_value, latest_is_nan, latest_step, latest_timestamp) VALUES (?, 'auc', ?, 0, 0, 0)",
  )
  for (let index = 0; index < runs; index++) {
    run.run(`run${index}`)
    metric.run(`run${index}`, index)
  }
  return db
}

/** How the database goes about each statement of a search: the step that it starts with. */
const firstSteps = async (db: DatabaseSync, query: Omit<SearchQuery, 'limit'>): Promise<string[]> => {
  const steps: string[] = []
  const queries: Queries = {
    async query<Row extends SqlRow>(sql: string, args: readonly SqlValue[] = []) {
      const [first] = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...args)
      steps.push(String(first?.['detail']))
      return db.prepare(sql).all(...args) as Row[]
    },
    executeMany: () => Promise.reject(new Error('a search writes nothing')),
  }
  const where = { sql: 'r.experiment_id = ? AND r.lifecycle_stage = ?', args: [1, 'active'] }
  const page = await searchPage(
    queries,
    { grammar: runsGrammar, target: runsTarget, columns: 'r.name', where },
    { ...query, limit: 10 },
  )
  expect(page.items).toHaveLength(10)
  return steps
}

const newest = 'INDEX runs_by_start (experiment_id=? AND lifecycle_stage=?)'
const isMore = `SEARCH r USING COVERING ${newest}`
const runByRun = `SEARCH r USING ${newest}`
const byValue = (bounds = ''): string =>
  `SEARCH n USING INDEX metric_series_by_value (key=? AND latest_is_nan=?${bounds})`
const edge = (bounds = ''): string =>
  `SEARCH n USING COVERING INDEX metric_series_by_value (key=? AND latest_is_nan=?${bounds})`
const best = ['metrics.auc DESC']

it('walks along the values for the best of many runs', async () => {
  using db = open(3000)
  expect(await firstSteps(db, { orderBy: best })).toEqual([isMore, edge(), byValue(' AND latest_value>?')])
})

it('starts with the few runs that a range of values lets through', async () => {
  using db = open(3000)
  const above = ' AND latest_value>?'
  expect(await firstSteps(db, { filter: 'metrics.auc > 2500' })).toEqual([isMore, edge(above), byValue(above)])
})

it('looks at the runs one by one where the range lets many through, or there are few', async () => {
  using many = open(3000)
  expect(await firstSteps(many, { filter: 'metrics.auc > 100' })).toEqual([
    isMore,
    edge(' AND latest_value>?'),
    runByRun,
  ])
  using few = open(900)
  expect(await firstSteps(few, { filter: 'metrics.auc > 100', orderBy: best })).toEqual([isMore, runByRun])
})

it('asks for nothing beforehand where no metric is named', async () => {
  using db = open(3000)
  expect(await firstSteps(db, { filter: "params.depth = '3' OR attributes.status = ''" })).toEqual([runByRun])
})
