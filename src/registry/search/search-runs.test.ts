import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SqlRow } from '../../ports/index.ts'
import { registryMigrations } from '../migrations.ts'
import { compileFilter } from './compile-filter.ts'
import { runsGrammar } from './grammar-runs.ts'
import { keyset } from './keyset.ts'
import { parseFilter } from './parse-filter.ts'
import type { OrderTerm } from './parse-order-by.ts'
import type { SearchComparison, SearchEntity, SearchFilter, SearchOperator, SearchScalar } from './search-filter.ts'
import { runsTarget } from './target-runs.ts'

interface ExampleRun {
  readonly attributes: Readonly<Record<string, string | number | null>>
  readonly metric: ReadonlyMap<string, number>
  readonly param: ReadonlyMap<string, string>
  readonly tag: ReadonlyMap<string, string>
  readonly datasets: readonly Readonly<Record<string, string | null>>[]
}

function openEmpty(): DatabaseSync {
  const db = new DatabaseSync(':memory:', { enableForeignKeyConstraints: false })
  for (const migration of registryMigrations) for (const statement of migration.statements('sqlite')) db.exec(statement)
  db.exec('PRAGMA case_sensitive_like=ON')
  return db
}

function openWith(runs: readonly ExampleRun[]): DatabaseSync {
  const db = openEmpty()
  const insertRun = db.prepare(
    `INSERT INTO runs (run_id, name, user_id, status, start_time, end_time, artifact_uri, experiment_id, lifecycle_stage)
     VALUES (?, ?, ?, ?, ?, ?, ?, 1, 'active')`,
  )
  const insertMetric = db.prepare(
    `INSERT INTO metric_series (run_id, key, latest_value, latest_is_nan, latest_step, latest_timestamp)
     VALUES (?, ?, ?, ?, 0, 0)`,
  )
  const insertParam = db.prepare('INSERT INTO params (run_id, key, value) VALUES (?, ?, ?)')
  const insertTag = db.prepare('INSERT INTO run_tags (run_id, key, value) VALUES (?, ?, ?)')
  // An experiment of its own for each, since its datasets are unique.
  const insertDataset = db.prepare(
    `INSERT INTO datasets (experiment_id, name, digest, source_type, source)
     SELECT count(*), ?, ?, 'code', '' FROM datasets`,
  )
  const insertInput = db.prepare("INSERT INTO run_inputs (run_id, dataset_id, context, tags) VALUES (?, ?, ?, '[]')")
  for (const { attributes, metric, param, tag, datasets } of runs) {
    const id = attributes['run_id'] ?? null
    insertRun.run(...attributeNames.map((name) => attributes[name] ?? null))
    for (const [name, value] of metric) {
      const nan = Number.isNaN(value)
      insertMetric.run(id, name, nan ? 0 : value, nan ? 1 : 0)
    }
    for (const [name, value] of param) insertParam.run(id, name, value)
    for (const [name, value] of tag) insertTag.run(id, name, value)
    for (const { name, digest, context } of datasets) {
      const { lastInsertRowid } = insertDataset.run(name ?? null, digest ?? null)
      insertInput.run(id, lastInsertRowid, context ?? null)
    }
  }
  return db
}

const attributeNames = ['run_id', 'run_name', 'user_id', 'status', 'start_time', 'end_time', 'artifact_uri'] as const

// Few characters, so that equal values, matching patterns and quotes inside quotes come up often.
const text = fc.string({ unit: fc.constantFrom('a', 'A', 'b', 'é', '%', '_', '\\', "'", '"', '?'), maxLength: 4 })
const key = fc.constantFrom('a', 'A', 'val loss', '__proto__', "it's", 'k`q', '"; DROP TABLE runs; --')
const time = fc.integer({ min: -1, max: 5 })
const metricValue = fc.constantFrom(-1.5, 0, 1, 2, 1e300, Infinity, -Infinity, NaN)
const number = fc.constantFrom(-1.5, 0, 1, 2, 2.5, 1e300)
const status = fc.constantFrom('RUNNING', 'FINISHED', 'FAILED')

const runs: fc.Arbitrary<ExampleRun[]> = fc
  .array(
    fc.record({
      attributes: fc.record({
        run_name: text,
        user_id: text,
        status,
        start_time: fc.option(time),
        end_time: fc.option(time),
        artifact_uri: text,
      }),
      metric: fc.array(fc.tuple(key, metricValue), { maxLength: 4 }).map((entries) => new Map(entries)),
      param: fc.array(fc.tuple(key, text), { maxLength: 3 }).map((entries) => new Map(entries)),
      tag: fc.array(fc.tuple(key, text), { maxLength: 3 }).map((entries) => new Map(entries)),
      datasets: fc.array(fc.record({ name: text, digest: text, context: fc.option(text) }), { maxLength: 2 }),
    }),
    { maxLength: 12 },
  )
  .map((drafts) =>
    drafts.map((draft, index) => ({ ...draft, attributes: { ...draft.attributes, run_id: `run${index}` } })),
  )

const compare = (
  entity: SearchEntity,
  keys: fc.Arbitrary<string>,
  clause: fc.Arbitrary<{ operator: SearchOperator; value: unknown }>,
): fc.Arbitrary<SearchFilter> =>
  fc.tuple(keys, clause).map(([name, rest]) => ({ kind: 'compare', entity, key: name, ...rest }) as SearchComparison)

const ordered = fc.constantFrom<SearchOperator>('=', '!=', '<', '<=', '>', '>=')
const lists = fc.constantFrom<SearchOperator>('IN', 'NOT IN')
const onNumber = fc.oneof(
  fc.record({ operator: ordered, value: number }),
  fc.record({ operator: lists, value: fc.array(number, { minLength: 1, maxLength: 3 }) }),
)
const onText = fc.record({ operator: fc.constantFrom<SearchOperator>('=', '!=', 'LIKE', 'ILIKE'), value: text })
const onTextLists = fc.oneof(
  onText,
  fc.record({ operator: lists, value: fc.array(text, { minLength: 1, maxLength: 3 }) }),
)
const onPresence = fc.record({
  operator: fc.constantFrom<SearchOperator>('IS NULL', 'IS NOT NULL'),
  value: fc.constant(null),
})

const clause = fc.oneof(
  compare('attribute', fc.constantFrom('run_name', 'user_id', 'status', 'artifact_uri'), onText),
  compare('attribute', fc.constant('run_id'), onTextLists),
  compare('attribute', fc.constantFrom('start_time', 'end_time'), onNumber),
  compare('metric', key, onNumber),
  compare('param', key, fc.oneof(onText, onPresence)),
  compare('tag', key, fc.oneof(onText, onPresence)),
  compare('dataset', fc.constantFrom('name', 'digest', 'context'), onTextLists),
)
const filters = fc.letrec<{ filter: SearchFilter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 4 },
    clause,
    fc.record({ kind: fc.constant('not'), term: tie('filter') }),
    fc.record({ kind: fc.constantFrom('and', 'or'), terms: fc.array(tie('filter'), { minLength: 2, maxLength: 4 }) }),
  ),
})).filter

function matches(run: ExampleRun, filter: SearchFilter): boolean {
  switch (filter.kind) {
    case 'and':
      return filter.terms.every((term) => matches(run, term))
    case 'or':
      return filter.terms.some((term) => matches(run, term))
    case 'not':
      return !matches(run, filter.term)
    case 'compare':
      if (filter.operator === 'IS NULL') return valuesOf(run, filter).length === 0
      if (filter.operator === 'IS NOT NULL') return valuesOf(run, filter).length > 0
      return valuesOf(run, filter).some((value) => holds(value, filter))
  }
}

function valuesOf(run: ExampleRun, { entity, key: name }: SearchComparison): SearchScalar[] {
  const values = {
    attribute: () => [run.attributes[name]],
    metric: () => [run.metric.get(name)],
    param: () => [run.param.get(name)],
    tag: () => [run.tag.get(name)],
    dataset: () => run.datasets.map((dataset) => dataset[name]),
  }[entity as 'attribute']()
  return values.filter((value) => value !== null && value !== undefined)
}

function holds(value: SearchScalar, { operator, value: wanted }: SearchComparison): boolean {
  const list = Array.isArray(wanted) ? (wanted as readonly SearchScalar[]) : []
  const scalar = wanted as SearchScalar
  const tests = {
    '=': () => value === scalar,
    '!=': () => value !== scalar,
    '<': () => value < scalar,
    '<=': () => value <= scalar,
    '>': () => value > scalar,
    '>=': () => value >= scalar,
    IN: () => list.includes(value),
    'NOT IN': () => !list.includes(value),
    LIKE: () => like(String(value), String(scalar)),
    ILIKE: () => like(lower(String(value)), lower(String(scalar))),
    'IS NULL': () => false,
    'IS NOT NULL': () => true,
  }
  return tests[operator]()
}

/** SQLite's lower() knows ASCII only. */
const lower = (value: string): string => value.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())

function like(value: string, pattern: string): boolean {
  if (pattern === '') return value === ''
  if (pattern.startsWith('%')) return like(value, pattern.slice(1)) || (value !== '' && like(value.slice(1), pattern))
  if (value === '' || (!pattern.startsWith('_') && pattern[0] !== value[0])) return false
  return like(value.slice(1), pattern.slice(1))
}

function written(filter: SearchFilter): string {
  if (filter.kind === 'not') return `NOT ${written(filter.term)}`
  if (filter.kind !== 'compare') return `(${filter.terms.map(written).join(` ${filter.kind} `)})`
  const name = `${filter.entity}.\`${filter.key.replaceAll('`', '``')}\``
  if (filter.value === null) return `${name} ${filter.operator}`
  const literal = (value: SearchScalar): string =>
    typeof value === 'number' ? String(value) : `'${value.replaceAll("'", "''")}'`
  const value = Array.isArray(filter.value)
    ? `(${(filter.value as readonly SearchScalar[]).map(literal).join(',')})`
    : literal(filter.value as SearchScalar)
  return `${name} ${filter.operator} ${value}`
}

const byText = (a: string, b: string): number => (a < b ? -1 : Number(a > b))

describe('a filter on runs', () => {
  it('selects in SQL what its clauses say of each run', () => {
    fc.assert(
      fc.property(runs, filters, (rows, filter) => {
        using db = openWith(rows)
        const { sql, args } = compileFilter(filter, runsTarget)
        const found = db.prepare(`SELECT r.run_id FROM runs r WHERE ${sql}`).all(...args)
        const expected = rows.filter((row) => matches(row, filter)).map((row) => row.attributes['run_id'])
        expect(found.map((row) => String(row['run_id'])).toSorted(byText)).toEqual(
          expected.map(String).toSorted(byText),
        )
      }),
      { numRuns: 400 },
    )
  })

  it('reads back as it was written', () => {
    fc.assert(
      fc.property(filters, (filter) => {
        expect(parseFilter(written(filter).replaceAll('param.', 'params.'), runsGrammar)).toEqual(filter)
      }),
    )
  })
})

const orderTerm: fc.Arbitrary<OrderTerm> = fc.oneof(
  fc.record({ entity: fc.constant('attribute'), key: fc.constantFrom(...attributeNames), ascending: fc.boolean() }),
  fc.record({ entity: fc.constantFrom('metric', 'param', 'tag'), key, ascending: fc.boolean() }),
)

function inOrder(rows: readonly ExampleRun[], order: readonly OrderTerm[]): ExampleRun[] {
  const terms = [...order, ...runsTarget.order]
  return rows.toSorted((left, right) => {
    for (const term of terms) {
      const difference = compared(sortable(left, term), sortable(right, term), term.ascending)
      if (difference !== 0) return difference
    }
    return 0
  })
}

const sortable = (run: ExampleRun, { entity, key: name }: OrderTerm): SearchScalar | undefined =>
  valuesOf(run, { kind: 'compare', entity, key: name, operator: 'IS NULL', value: null })[0]

const rank = (value: SearchScalar | undefined): number => (value === undefined ? 2 : Number.isNaN(value) ? 1 : 0)

function compared(left: SearchScalar | undefined, right: SearchScalar | undefined, ascending: boolean): number {
  if (rank(left) !== rank(right) || left === undefined || right === undefined) return rank(left) - rank(right)
  if (rank(left) === 1 || left === right) return 0
  return left < right === ascending ? -1 : 1
}

function pages(db: DatabaseSync, order: readonly OrderTerm[], size: number): unknown[] {
  const plan = keyset({ target: runsTarget, order, binding: 'all' })
  const found: unknown[] = []
  let token: string | undefined
  do {
    const after = plan.after(token)
    const rows = db
      .prepare(
        `SELECT r.run_id, ${plan.columns} FROM ${runsTarget.from}${plan.joins.sql} WHERE ${after.sql}
         ORDER BY ${plan.orderBy} LIMIT ?`,
      )
      .all(...plan.joins.args, ...after.args, size)
    found.push(...rows.map((row) => row['run_id']))
    const last = rows.length === size ? rows.at(-1) : undefined
    token = last && plan.tokenAfter(last as SqlRow)
  } while (token !== undefined)
  return found
}

describe('pages of runs', () => {
  it('give the sorted whole, each run once, with NaN and missing values last', () => {
    fc.assert(
      fc.property(runs, fc.array(orderTerm, { maxLength: 4 }), fc.integer({ min: 1, max: 5 }), (rows, order, size) => {
        using db = openWith(rows)
        expect(pages(db, order, size)).toEqual(inOrder(rows, order).map((row) => row.attributes['run_id']))
      }),
      { numRuns: 300 },
    )
  })

  it('walk along the index of the newest runs without sorting', () => {
    using db = openEmpty()
    const plan = keyset({ target: runsTarget, order: [], binding: '' })
    const after = plan.after(plan.tokenAfter({ sort_0: 5, sort_1: 'run1' }))
    const steps = db
      .prepare(
        `EXPLAIN QUERY PLAN SELECT r.run_id, ${plan.columns} FROM ${runsTarget.from}
         WHERE r.experiment_id = ? AND r.lifecycle_stage = ? AND ${after.sql} ORDER BY ${plan.orderBy} LIMIT 10`,
      )
      .all(1, 'active', ...after.args)
    expect(steps.map((step) => step['detail'])).toEqual([
      'SEARCH r USING COVERING INDEX runs_by_start (experiment_id=? AND lifecycle_stage=?)',
    ])
  })

  it('keep their place when rows before and behind it come and go', () => {
    const row = (index: number): ExampleRun => ({
      attributes: {
        run_id: `run${index}`,
        run_name: '',
        user_id: '',
        status: 'RUNNING',
        start_time: index,
        artifact_uri: '',
      },
      metric: new Map(),
      param: new Map(),
      tag: new Map(),
      datasets: [],
    })
    const plan = keyset({ target: runsTarget, order: [], binding: '' })
    const after = plan.after(plan.tokenAfter({ sort_0: 3, sort_1: 'run3' }))
    using db = openWith([1, 2, 4, 9].map(row))
    const found = db
      .prepare(`SELECT r.run_id, ${plan.columns} FROM runs r WHERE ${after.sql} ORDER BY ${plan.orderBy}`)
      .all(...after.args)
    expect(found.map((each) => each['run_id'])).toEqual(['run2', 'run1'])
  })
})
