import { randomUUID } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { artifactIndex } from '../../dialects/mlflow/index.ts'
import { assert, backoffMs, systemClock, systemRandom } from '../../lib/index.ts'
import { migrate } from '../../ports/index.ts'
import type { Database } from '../../ports/index.ts'
import { AppError, fail } from '../../protocol/index.ts'
import type { Exchange, Route } from '../../protocol/index.ts'
import { GcLoop, openRegistry, openSigningTrust, registryMigrations } from '../../registry/index.ts'
import { artifactMethods } from './artifact-methods.ts'
import { openArtifacts } from './open-artifacts.ts'
import { isRemote, openDatabase } from './open-database.ts'
import { registryRoutes } from './registry-routes.ts'
import type { RegistryThreadData, SentExchange, ThreadAnswer, ThreadCall } from './thread-messages.ts'

interface Opened {
  readonly db: Database
  readonly gc: GcLoop
  readonly routes: readonly Route[]
  readonly methods: ReturnType<typeof artifactMethods>
}

const newId = (): string => randomUUID().replaceAll('-', '')
const deps = { clock: systemClock, random: systemRandom }

const open = async ({ database, artifacts, signing, gc: schedule }: RegistryThreadData): Promise<Opened> => {
  const trust = openSigningTrust(signing)
  const db = await openDatabase(database, deps)
  try {
    await migrate(db, registryMigrations, systemClock)
    const blobs = await openArtifacts(artifacts, { clock: systemClock, newId, sweep: false })
    const registry = await openRegistry({ db, blobs, ...deps, newId, signing: trust })
    const gc = new GcLoop(schedule, { collector: registry.garbage, clock: systemClock, failed: tellGcFailed })
    gc.start()
    return { db, gc, routes: registryRoutes(registry), methods: artifactMethods(artifactIndex(registry)) }
  } catch (error) {
    await db.close()
    throw error
  }
}

const tellGcFailed = (error: unknown): void =>
  parentPort?.postMessage({ id: -1, kind: 'gc-failed', reason: reasonOf(error) } satisfies ThreadAnswer)

const reasonOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error))

const retry = { firstMs: 250, maxMs: 5000 }

/** Opens the registry; while a database elsewhere is away, tries on and says so to whoever asks. */
class Opening {
  readonly #data: RegistryThreadData
  #opened: Opened | undefined
  #closed = false

  constructor(data: RegistryThreadData) {
    this.#data = data
  }

  async start(): Promise<void> {
    if (isRemote(this.#data.database)) void this.#keepTrying(0)
    else this.#opened = await open(this.#data)
  }

  /** Fails with `database_unavailable` as long as it isn't open. */
  get opened(): Opened {
    if (this.#opened === undefined) throw fail('database_unavailable', { reason: 'it has not answered yet' })
    return this.#opened
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#opened?.gc.stop()
    await this.#opened?.db.close()
  }

  async #keepTrying(attempt: number): Promise<void> {
    try {
      this.#opened = await open(this.#data)
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      if (!this.#closed)
        systemClock.setTimer(() => void this.#keepTrying(attempt + 1), backoffMs(attempt, retry, systemRandom))
    }
  }
}

/** The registry on a thread of its own: its database syncs to disk, which the thread of predictions must not wait for. */
const serve = async (): Promise<void> => {
  const port = parentPort
  assert(port !== null, 'this runs on a thread')
  const opening = new Opening(workerData as RegistryThreadData)
  await opening.start()

  const answer = async (call: ThreadCall): Promise<ThreadAnswer> => {
    const { id } = call
    if (call.kind === 'close') {
      await opening.close()
      return { id, kind: 'value', value: undefined }
    }
    const { routes, methods } = opening.opened
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
    : { id, kind: 'failed', reason: reasonOf(error) }

const receivedExchange = (sent: SentExchange): Exchange => ({
  method: sent.method,
  path: sent.path,
  params: sent.params,
  query: new URLSearchParams(sent.query),
  receivedAtMs: systemClock.now(),
  header: (name) => (Object.hasOwn(sent.headers, name) ? sent.headers[name] : undefined),
  body: () => Promise.resolve(sent.body),
  async *bodyStream() {
    yield await Promise.resolve(sent.body)
  },
  onAbort() {},
})

await serve()
