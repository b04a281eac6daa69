import { createHash, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDiskBlobs } from '../adapters/disk/index.ts'
import { openSqlite } from '../adapters/sqlite/index.ts'
import type { BlobStore, Database } from '../ports/index.ts'
import { migrate } from '../ports/index.ts'
import { openRegistry, type Registry, type RegistryDeps, registryMigrations } from '../registry/index.ts'
import { seededRandom } from './seeded-random.ts'
import { VirtualClock } from './virtual-clock.ts'

/** A registry of its own over an empty database, with a clock that the test moves. */
export interface TestRegistry extends AsyncDisposable {
  readonly registry: Registry
  readonly db: Database
  readonly blobs: BlobStore
  readonly clock: VirtualClock
  /** Stores a file as a client's upload would; gives its digest. */
  upload(path: string, content: string | Uint8Array): Promise<string>
}

const newId = (): string => randomUUID().replaceAll('-', '')

export interface TestRegistryOptions extends Pick<RegistryDeps, 'signing' | 'isServed' | 'webhooks'> {
  /** Civil time at the start. */
  readonly wallMs?: number
  /** What the registry is given in place of the database and the blobs, made of them. */
  readonly wrapDb?: (db: Database) => Database
  readonly wrapBlobs?: (blobs: BlobStore) => BlobStore
}

/** Opens it over an in-memory SQLite, or over the database given, which it closes in the end. */
export const openTestRegistry = async (
  given?: Database,
  { wallMs, wrapDb = (db) => db, wrapBlobs = (blobs) => blobs, ...options }: TestRegistryOptions = {},
): Promise<TestRegistry> => {
  const clock = new VirtualClock(wallMs === undefined ? {} : { wallMs })
  const folder = mkdtempSync(join(tmpdir(), 'slipway-registry-'))
  const db = given ?? openSqlite({ path: ':memory:', clock })
  await migrate(db, registryMigrations, clock)
  const blobs = wrapBlobs(await openDiskBlobs({ root: folder, clock, newId }))
  const registry = await openRegistry({ db: wrapDb(db), blobs, clock, random: seededRandom(1), newId, ...options })
  return {
    registry,
    db,
    blobs,
    clock,
    async upload(path, content) {
      const bytes = Buffer.from(content)
      const digest = createHash('sha256').update(bytes).digest('hex')
      const pieces = async function* (): AsyncGenerator<Uint8Array> {
        yield bytes
      }
      await registry.artifacts.put(path, await blobs.put(pieces(), { bytesMax: bytes.length, digest }))
      return digest
    },
    async [Symbol.asyncDispose]() {
      await db.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
