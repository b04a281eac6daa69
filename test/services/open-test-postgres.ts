import pg from 'pg'
import { openPostgres } from '../../src/adapters/postgres/index.ts'
import type { PostgresOptions } from '../../src/adapters/postgres/index.ts'
import { systemClock, systemRandom } from '../../src/lib/index.ts'
import type { Database } from '../../src/ports/index.ts'

const server = (): string => {
  const url = process.env['SLIPWAY_TEST_POSTGRES']
  if (url === undefined) throw new Error('run these tests by npm run test:services')
  return url
}

const open = (url: string, options: Partial<PostgresOptions> = {}): Database =>
  openPostgres({ clock: systemClock, random: systemRandom, ...options, url })

let databases = 0

export interface TestPostgres extends AsyncDisposable {
  readonly url: string
  open(options?: Partial<PostgresOptions>): Database
}

/** A database of its own on the server of the tests; it goes when the test ends. */
export const openTestPostgres = async (): Promise<TestPostgres> => {
  const name = `test_${process.pid}_${++databases}`
  const outside = async (sql: string): Promise<void> => {
    // CREATE DATABASE can't run within a transaction.
    const client = new pg.Client({ connectionString: server() })
    await client.connect()
    await client.query(sql)
    await client.end()
  }
  await outside(`CREATE DATABASE ${name}`)
  const url = new URL(server())
  url.pathname = `/${name}`
  return {
    url: url.href,
    open: (options) => open(url.href, options),
    async [Symbol.asyncDispose]() {
      await outside(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
    },
  }
}
