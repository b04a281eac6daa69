import type { Queries } from '../../ports/index.ts'

/** Most models that are looked at because they once had a name. */
const namesakesMax = 100

/** A new model takes its name. */
export const takeName = async (tx: Queries, name: string, modelKey: number, nowMs: number): Promise<void> => {
  await tx.query('INSERT INTO model_names (name, model_key, since_time) VALUES (?, ?, ?)', [name, modelKey, nowMs])
}

/** A model that is deleted, or about to take another name, gives up the one it has. */
export const giveUpName = async (tx: Queries, modelKey: number, nowMs: number): Promise<void> => {
  await tx.query('UPDATE model_names SET until_time = ? WHERE model_key = ? AND until_time IS NULL', [nowMs, modelKey])
}

/**
 * The key of the model that a name meant at a time (Unix ms): the one that had it then, or, when none had it, the one
 * that had it last. So a model is found by a later name too, and after it was renamed or deleted. Without a time: the
 * one that has the name, or had it last.
 */
export const modelKeyOf = async (queries: Queries, name: string, timeMs?: number): Promise<number | undefined> => {
  if (timeMs !== undefined) {
    const [then] = await queries.query<{ model_key: number }>(
      'SELECT model_key FROM model_names WHERE name = ? AND since_time <= ? AND (until_time IS NULL OR until_time > ?) ORDER BY name_id DESC LIMIT 1',
      [name, timeMs, timeMs],
    )
    if (then !== undefined) return then.model_key
  }
  const [last] = await queries.query<{ model_key: number }>(
    'SELECT model_key FROM model_names WHERE name = ? ORDER BY name_id DESC LIMIT 1',
    [name],
  )
  return last?.model_key
}

/** The keys of all models that ever had a name; the newest hundred. */
export const namesakesOf = async (queries: Queries, name: string): Promise<readonly number[]> => {
  const rows = await queries.query<{ model_key: number; newest: number }>(
    'SELECT model_key, MAX(name_id) AS newest FROM model_names WHERE name = ? GROUP BY model_key ORDER BY newest DESC LIMIT ?',
    [name, namesakesMax],
  )
  return rows.map((row) => row.model_key)
}

/** Every name that a model had, the newest first. */
export const namesOf = async (queries: Queries, modelKey: number): Promise<readonly string[]> => {
  const rows = await queries.query<{ name: string }>(
    'SELECT name FROM model_names WHERE model_key = ? ORDER BY name_id DESC LIMIT ?',
    [modelKey, namesakesMax],
  )
  return rows.map((row) => row.name)
}
