import { describe, expect, it } from 'vitest'
import { openSqlite } from '../../adapters/sqlite/index.ts'
import { migrate } from '../../ports/index.ts'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import { registryMigrations } from '../migrations.ts'
import { historyMigration } from './migration.ts'
import { giveUpName, modelKeyOf, namesakesOf, namesOf, takeName } from './model-names.ts'

const clock = new VirtualClock()

describe('the names of models', () => {
  it('begin, for models of an older schema, with the ones that they have', async () => {
    const db = openSqlite({ path: ':memory:', clock })
    const at = registryMigrations.indexOf(historyMigration)
    await migrate(db, registryMigrations.slice(0, at), clock)
    await db.query(
      "INSERT INTO registered_models (name, description, creation_time, last_updated_time, version_last) VALUES ('old', '', 5, 5, 0)",
    )
    await migrate(db, registryMigrations, clock)
    const key = await modelKeyOf(db, 'old', 5)
    expect(key).toBeDefined()
    expect(await namesOf(db, key ?? 0)).toEqual(['old'])
    await db.close()
  })

  it('mean the model that had them then, or the last one that did', async () => {
    const db = openSqlite({ path: ':memory:', clock })
    await migrate(db, registryMigrations, clock)
    await takeName(db, 'a', 1, 10)
    await giveUpName(db, 1, 20)
    await takeName(db, 'b', 1, 20)
    await takeName(db, 'a', 2, 30)
    await giveUpName(db, 2, 40)
    const at = (name: string, ms?: number): Promise<number | undefined> => modelKeyOf(db, name, ms)
    expect([await at('a', 10), await at('a', 19), await at('a', 30), await at('a', 39)]).toEqual([1, 1, 2, 2])
    expect([await at('a', 25), await at('a', 40), await at('a'), await at('b', 5)]).toEqual([2, 2, 2, 1])
    expect(await at('c')).toBeUndefined()
    expect(await namesakesOf(db, 'a')).toEqual([2, 1])
    expect(await namesOf(db, 1)).toEqual(['b', 'a'])
    await db.close()
  })
})
