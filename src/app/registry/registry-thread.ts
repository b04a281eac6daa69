import { randomUUID } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { openOutbound } from '../../adapters/outbound/index.ts'
import { artifactIndex } from '../../dialects/mlflow/index.ts'
import { assert, backoffMs, systemClock, systemRandom } from '../../lib/index.ts'
import type { LogFields, Logger } from '../../lib/index.ts'
import { migrate } from '../../ports/index.ts'
import type { Database } from '../../ports/index.ts'
import { AppError, fail } from '../../protocol/index.ts'
import type { Exchange, Route } from '../../protocol/index.ts'
import { GcLoop, openKeylessTrust, openRegistry, openSigningTrust, registryMigrations } from '../../registry/index.ts'
import type { MoveGuard, Registry, WebhookWays } from '../../registry/index.ts'
import { artifactMethods } from './artifact-methods.ts'
import { endpointMethods } from './endpoint-methods.ts'
import { GuardLink } from './guard-link.ts'
import { openArtifacts } from './open-artifacts.ts'
import { isRemote, openDatabase } from './open-database.ts'
import { registryRoutes } from './registry-routes.ts'
import type {
  GuardAnswer,
  GuardQuestion,
  RegistryThreadData,
  SentExchange,
  ThreadAnswer,
  ThreadCall,
  ThreadLogLine,
} from './thread-messages.ts'
import { openWebhookKey } from './webhook-key.ts'

type Method = (...args: readonly unknown[]) => Promise<unknown>

interface Opened {
  readonly registry: Registry
  readonly db: Database
  readonly gc: GcLoop
  readonly routes: readonly Route[]
  readonly methods: ReadonlyMap<string, Method>
}

const newId = (): string => randomUUID().replaceAll('-', '')
const deps = { clock: systemClock, random: systemRandom }

const logLine =
  (level: keyof Logger) =>
  (event: string, fields: LogFields = {}): void => {
    parentPort?.postMessage({ kind: 'log', level, event, fields } satisfies ThreadLogLine)
  }
const logger: Logger = {
  debug: logLine('debug'),
  info: logLine('info'),
  warn: logLine('warn'),
  error: logLine('error'),
}

const webhookWays = ({ allow, key }: RegistryThreadData['webhooks']): WebhookWays => ({
  allow,
  outbound: openOutbound(deps),
  key: openWebhookKey(key, newId),
  logger,
})

const open = async (
  { database, artifacts, signing, gc: schedule, webhooks }: RegistryThreadData,
  guard: MoveGuard,
): Promise<Opened> => {
  const keyless = signing.keyless === undefined ? undefined : await openKeylessTrust(signing.keyless)
  const trust = openSigningTrust({ ...signing, keyless })
  const ways = webhookWays(webhooks)
  const db = await openDatabase(database, deps)
  try {
    await migrate(db, registryMigrations, systemClock)
    const blobs = await openArtifacts(artifacts, { clock: systemClock, newId, sweep: false })
    const registry = await openRegistry({ db, blobs, ...deps, newId, signing: trust, guard, webhooks: ways })
    const methods = new Map([
      ...artifactMethods(artifactIndex(registry)),
      ...(Object.entries(endpointMethods(registry)) as [string, Method][]),
    ])
    const gc = new GcLoop(schedule, { collector: registry.garbage, clock: systemClock, failed: tellGcFailed })
    gc.start()
    registry.deliveryLoop.start()
    return { registry, db, gc, routes: registryRoutes(registry), methods }
  } catch (error) {
    await db.close()
    throw error
  }
}

const tellGcFailed = (error: unknown): void => logger.warn('registry.gc_failed', { reason: reasonOf(error) })

const reasonOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error))

const retry = { firstMs: 250, maxMs: 5000 }

/** Opens the registry; while a database elsewhere is away, tries on and says so to whoever asks. */
class Opening {
  readonly #data: RegistryThreadData
  readonly #guard: MoveGuard
  #opened: Opened | undefined
  #closed = false

  constructor(data: RegistryThreadData, guard: MoveGuard) {
    this.#data = data
    this.#guard = guard
  }

  async start(): Promise<void> {
    if (isRemote(this.#data.database)) void this.#keepTrying(0)
    else this.#opened = await open(this.#data, this.#guard)
  }

  /** Fails with `database_unavailable` as long as it isn't open. */
  get opened(): Opened {
    if (this.#opened === undefined) throw fail('database_unavailable', { reason: 'it has not answered yet' })
    return this.#opened
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#opened?.gc.stop()
    await this.#opened?.registry.deliveryLoop.stop()
    await this.#opened?.db.close()
  }

  async #keepTrying(attempt: number): Promise<void> {
    try {
      this.#opened = await open(this.#data, this.#guard)
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
  const guard = new GuardLink((question) => port.postMessage(question satisfies GuardQuestion))
  const opening = new Opening(workerData as RegistryThreadData, guard)
  await opening.start()

  const answer = async (call: ThreadCall): Promise<ThreadAnswer> => {
    const { id } = call
    if (call.kind === 'close') {
      await opening.close()
      return { id, kind: 'value', value: undefined }
    }
    const { routes, methods } = opening.opened
    if (call.kind === 'method') {
      const method = methods.get(call.method)
      assert(method !== undefined, `the thread has no method ${call.method}`)
      return { id, kind: 'value', value: await method(...call.args) }
    }
    const route = routes[call.route]
    assert(route !== undefined, `the thread has no route ${call.route}`)
    return { id, kind: 'reply', reply: await route.handle(receivedExchange(call.exchange, route)) }
  }
  port.on('message', (call: ThreadCall | GuardAnswer) => {
    if (call.kind === 'guard') {
      guard.receive(call)
      return
    }
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

const receivedExchange = (sent: SentExchange, route: Route): Exchange => ({
  method: sent.method,
  path: sent.path,
  route: route.path,
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
