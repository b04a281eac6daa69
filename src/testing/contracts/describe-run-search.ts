import { describe, expect, it } from 'vitest'
import type { SqlValue } from '../../ports/index.ts'
import type { TestRegistry } from '../open-test-registry.ts'

interface LoggedRun {
  readonly id: string
  readonly experimentId: number
  readonly deleted: boolean
  /** Undefined where it was never logged. */
  readonly values: Readonly<Record<string, number | undefined>>
}

/** More than a search looks through one by one; many share a value, and some have none, or NaN. */
const runCount = 1600

const auc = (index: number): number | undefined => {
  if (index % 10 === 0) return undefined
  if (index % 10 === 1) return NaN
  return index === 1234 ? Infinity : (index * 7) % 211
}

const logged: readonly LoggedRun[] = Array.from({ length: runCount }, (_, index) => ({
  id: `${(index * 7919) % runCount}`.padStart(32, '0'),
  experimentId: index % 8 === 3 ? 1 : 0,
  deleted: index % 100 === 7,
  values: { auc: auc(index), even: 1, rare: index % 50 === 2 ? index : undefined },
}))

/** Written to the tables at once: by their stores it would take longer than what is tested. */
const open = async (given: TestRegistry): Promise<TestRegistry> => {
  const { db, registry } = given
  await registry.experiments.create('other', { tags: [] })
  await db.executeMany(
    `INSERT INTO runs (run_id, experiment_id, name, user_id, status, start_time, lifecycle_stage, artifact_uri)
     VALUES (?, ?, 'run', 'ada', 'FINISHED', 1, ?, '')`,
    logged.map(({ id, experimentId, deleted }) => [id, experimentId, deleted ? 'deleted' : 'active']),
  )
  await db.executeMany(
    `INSERT INTO metric_series (run_id, key, latest_value, latest_is_nan, latest_step, latest_timestamp)
     VALUES (?, ?, ?, ?, 0, 0)`,
    logged.flatMap(({ id, values }) =>
      Object.entries(values).flatMap(([key, value]): SqlValue[][] => {
        if (value === undefined) return []
        return [[id, key, Number.isNaN(value) ? 0 : value, Number.isNaN(value) ? 1 : 0]]
      }),
    ),
  )
  // As Postgres does by itself after a while: without it, it takes the tables for empty.
  if (db.dialect === 'postgres') await db.query('ANALYZE')
  return given
}

const pagesOf = async (
  { registry }: TestRegistry,
  query: { filter: string; orderBy: readonly string[]; limit: number },
): Promise<string[]> => {
  const found: string[] = []
  let pageToken: string | undefined
  do {
    const page = await registry.runs.search({ experimentIds: ['0'], view: 'active', ...query, pageToken })
    found.push(...page.items.map(({ info }) => info.runId))
    pageToken = page.nextPageToken
  } while (pageToken !== undefined)
  return found
}

/** Numbers, then NaN, then what has none. */
const rank = (value: number | undefined): number => (value === undefined ? 2 : Number.isNaN(value) ? 1 : 0)

/** What a search has to give, in the order of a metric, and of the ids where it says nothing. */
const expected = (key: string, sign: 1 | -1, holds: (run: LoggedRun) => boolean): string[] =>
  logged
    .filter((run) => run.experimentId === 0 && !run.deleted && holds(run))
    .toSorted((a, b) => {
      const [left, right] = [a.values[key], b.values[key]]
      const ranks = rank(left) - rank(right)
      if (ranks !== 0) return ranks
      const byValue = rank(left) === 0 && left !== right ? (Number(left) < Number(right) ? -sign : sign) : 0
      return byValue || (a.id < b.id ? -1 : 1)
    })
    .map(({ id }) => id)

const over = (key: string, bound: number) => (run: LoggedRun) => Number(run.values[key]) > bound

/** Suite for a database: the search of many runs gives what one of few would, whatever way it takes. */
export const describeRunSearch = (name: string, openRegistry: () => Promise<TestRegistry>): void => {
  describe(`a search of many runs on ${name}`, () => {
    it('gives the best first, those of one value, NaN and nothing in their places', async () => {
      await using test = await open(await openRegistry())
      for (const limit of [100, 1000, 1100]) {
        const best = await pagesOf(test, { filter: '', orderBy: ['metrics.auc DESC'], limit })
        expect(best).toEqual(expected('auc', -1, () => true))
        const worst = await pagesOf(test, { filter: '', orderBy: ['metrics.auc ASC'], limit })
        expect(worst).toEqual(expected('auc', 1, () => true))
      }
    })

    it('gives the best of those that a filter lets through, be they many or few', async () => {
      await using test = await open(await openRegistry())
      for (const bound of [-1, 100, 205, 1000]) {
        const query = { filter: `metrics.auc > ${bound}`, orderBy: ['metrics.auc DESC'], limit: 40 }
        expect(await pagesOf(test, query)).toEqual(expected('auc', -1, over('auc', bound)))
      }
    })

    it('orders by one metric what a range of another lets through', async () => {
      await using test = await open(await openRegistry())
      for (const bound of [-1, 100, 800]) {
        const query = { filter: `metrics.rare > ${bound} AND metrics.auc >= 0`, limit: 5 }
        const holds = (run: LoggedRun): boolean => over('rare', bound)(run) && over('auc', -1)(run)
        expect(await pagesOf(test, { ...query, orderBy: ['metrics.auc ASC'] })).toEqual(expected('auc', 1, holds))
        expect(await pagesOf(test, { ...query, orderBy: [] })).toEqual(expected('', 1, holds))
      }
      const between = { filter: 'metrics.auc > 20 AND metrics.auc <= 22.5', orderBy: [], limit: 100 }
      expect(await pagesOf(test, between)).toEqual(
        expected('', 1, (run) => over('auc', 20)(run) && !over('auc', 22.5)(run)),
      )
    })

    it('takes nothing for required that stands under OR or NOT', async () => {
      await using test = await open(await openRegistry())
      const either = { filter: 'metrics.rare > 800 OR metrics.auc = 3', orderBy: ['metrics.auc DESC'], limit: 50 }
      expect(await pagesOf(test, either)).toEqual(
        expected('auc', -1, (run) => over('rare', 800)(run) || run.values['auc'] === 3),
      )
      const none = { filter: 'NOT metrics.rare > -1', orderBy: ['metrics.even DESC'], limit: 500 }
      expect(await pagesOf(test, none)).toEqual(expected('even', -1, (run) => run.values['rare'] === undefined))
    })

    it('finds what is far behind the best', async () => {
      await using test = await open(await openRegistry())
      const query = { filter: 'metrics.rare > -1', orderBy: ['metrics.auc DESC'], limit: 30 }
      expect(await pagesOf(test, query)).toEqual(expected('auc', -1, over('rare', -1)))
      const id = String(runCount - 1).padStart(32, '0')
      const one = { filter: `attributes.run_id = '${id}'`, orderBy: ['metrics.even ASC'], limit: 30 }
      expect(await pagesOf(test, one)).toEqual(expected('even', 1, (run) => run.id === id))
    })
  })
}
