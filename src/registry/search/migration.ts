import type { Migration } from '../../ports/index.ts'

/**
 * Finds the runs of a range of a metric, and the best runs by it; NaN, whose column holds 0, stands apart. It does all
 * that the index before it did, which goes, since both would follow every measurement.
 */
export const searchMigration: Migration = {
  id: '0018-metrics-by-value',
  statements: () => [
    'CREATE INDEX metric_series_by_value ON metric_series (key, latest_is_nan, latest_value)',
    'DROP INDEX metric_series_by_key',
  ],
}
