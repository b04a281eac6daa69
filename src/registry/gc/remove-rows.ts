import type { Database, Queries } from '../../ports/index.ts'

/** Rows of one transaction: few ms, in which other writers wait. */
const filesAtOnce = 500
const pointsAtOnce = 2000

/** Removes the files below a folder, and counts them in the row of what they go with. */
export const removeFiles = async (
  db: Database,
  purge: { readonly kind: string; readonly id: string },
  folder: string,
): Promise<void> => {
  for (let isRest = true; isRest;) {
    isRest = await db.transact(async (tx) => {
      const gone = await tx.query<{ bytes: number }>(
        `DELETE FROM artifacts WHERE path IN (
           SELECT path FROM artifacts WHERE path >= ? AND path < ? ORDER BY path LIMIT ?) RETURNING bytes`,
        [`${folder}/`, `${folder}0`, filesAtOnce],
      )
      const bytes = gone.reduce((sum, row) => sum + row.bytes, 0)
      if (gone.length > 0)
        await tx.query('UPDATE purges SET files = files + ?, bytes = bytes + ? WHERE kind = ? AND id = ?', [
          gone.length,
          bytes,
          purge.kind,
          purge.id,
        ])
      return gone.length === filesAtOnce
    })
  }
}

/** Removes the metrics of a run; what is left of it is small. */
export const removePoints = async (db: Database, runId: string): Promise<void> => {
  for (let isRest = true; isRest;) isRest = await db.transact((tx) => removeSomePoints(tx, runId))
}

/** Gives whether there are more. */
const removeSomePoints = async (tx: Queries, runId: string): Promise<boolean> => {
  for (let left = pointsAtOnce; left > 0;) {
    const [series] = await tx.query<{ series_id: number }>(
      'SELECT series_id FROM metric_series WHERE run_id = ? ORDER BY series_id LIMIT 1',
      [runId],
    )
    if (series === undefined) return false
    const id = series.series_id
    const [last] = await tx.query<{ step: number; timestamp: number }>(
      'SELECT step, timestamp FROM metric_points WHERE series_id = ? ORDER BY step, timestamp LIMIT 1 OFFSET ?',
      [id, left - 1],
    )
    if (last !== undefined) {
      await tx.query('DELETE FROM metric_points WHERE series_id = ? AND (step, timestamp) <= (?, ?)', [
        id,
        last.step,
        last.timestamp,
      ])
      return true
    }
    const gone = await tx.query('DELETE FROM metric_points WHERE series_id = ? RETURNING step', [id])
    await tx.query('DELETE FROM metric_series WHERE series_id = ?', [id])
    // Why: a series costs something even without points.
    left -= Math.max(1, gone.length)
  }
  return true
}
