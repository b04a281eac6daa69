import { randomUUID } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { openDiskBlobs } from '../../adapters/disk/index.ts'
import { openSqlite } from '../../adapters/sqlite/index.ts'
import { artifactIndex, mlflowRoutes } from '../../dialects/mlflow/index.ts'
import { assert, systemClock, systemRandom } from '../../lib/index.ts'
import { migrate } from '../../ports/index.ts'
import { AppError } from '../../protocol/index.ts'
import type { Exchange } from '../../protocol/index.ts'
import { openRegistry, registryMigrations } from '../../registry/index.ts'
import { artifactMethods } from './artifact-methods.ts'
import type { RegistryThreadData, SentExchange, ThreadAnswer, ThreadCall } from './thread-messages.ts'

/** The registry on a thread of its own: its database syncs to disk, which the thread of predictions must not wait for. */
const serve = async (): Promise<void> => {
  const port = parentPort
  assert(port !== null, 'this runs on a thread')
  const { database, artifacts } = workerData as RegistryThreadData
  const db = openSqlite({ path: database, clock: systemClock })
  await migrate(db, registryMigrations, systemClock)
  const newId = (): string => randomUUID().replaceAll('-', '')
  const blobs = await openDiskBlobs({ root: artifacts, clock: systemClock, newId })
  const registry = await openRegistry({ db, blobs, clock: systemClock, random: systemRandom, newId })
  const routes = mlflowRoutes({ registry })
  const methods = artifactMethods(artifactIndex(registry))

  const answer = async (call: ThreadCall): Promise<ThreadAnswer> => {
    const { id } = call
    if (call.kind === 'close') {
      await db.close()
      return { id, kind: 'value', value: undefined }
    }
    if (call.kind === 'artifacts') {
      const method = methods.get(call.method)
      assert(method !== undefined, `the thread has no method ${call.method}`)
      return { id, kind: 'value', value: await method(...call.args) }
    }
    const route = routes[call.route]
    assert(route !== undefined, `the thread has no route ${call.route}`)
    return { id, kind: 'reply', reply: await route.handle(receivedExchange(call.exchange)) }
  }
  port.on('message', (call: ThreadCall) => {
    answer(call).then(
      (done) => port.postMessage(done),
      (error: unknown) => port.postMessage(failure(call.id, error)),
    )
  })
  port.postMessage({ id: 0, kind: 'ready' } satisfies ThreadAnswer)
}

const failure = (id: number, error: unknown): ThreadAnswer =>
  error instanceof AppError
    ? { id, kind: 'refused', code: error.code, details: error.details }
    : { id, kind: 'failed', reason: error instanceof Error ? (error.stack ?? error.message) : String(error) }

const receivedExchange = (sent: SentExchange): Exchange => ({
  method: sent.method,
  path: sent.path,
  params: sent.params,
  query: new URLSearchParams(sent.query),
  receivedAtMs: systemClock.now(),
  header: (name) => (name === 'content-type' ? sent.contentType : undefined),
  body: () => Promise.resolve(sent.body),
  async *bodyStream() {
    yield await Promise.resolve(sent.body)
  },
  onAbort() {},
})

await serve()
