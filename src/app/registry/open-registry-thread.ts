import { Worker } from 'node:worker_threads'
import type { ArtifactIndex } from '../../dialects/mlflow/index.ts'
import { siblingModule } from '../../lib/index.ts'
import type { Clock, Logger, Random } from '../../lib/index.ts'
import { AppError, fail } from '../../protocol/index.ts'
import type { Exchange, Reply, Route } from '../../protocol/index.ts'
import { unguarded } from '../../registry/index.ts'
import type { MoveGuard, Registry } from '../../registry/index.ts'
import { artifactProxy } from './artifact-methods.ts'
import type { EndpointIndex } from './endpoint-methods.ts'
import { endpointProxy } from './endpoint-methods.ts'
import { GuardDesk } from './guard-link.ts'
import { registryRoutes } from './registry-routes.ts'
import { RestartPauses } from './restart-pauses.ts'
import type {
  GuardQuestion,
  RegistryThreadData,
  SentExchange,
  ThreadAnswer,
  ThreadCall,
  ThreadLogLine,
} from './thread-messages.ts'
import { sentHeaders } from './thread-messages.ts'

/** The registry as the rest of the process sees it. */
export interface RegistryThread {
  readonly routes: readonly Route[]
  readonly artifacts: ArtifactIndex
  readonly endpoints: EndpointIndex
  /** Has moves that endpoints follow prepared by those who serve them; until then, nobody does. */
  guardMoves(guard: MoveGuard): void
  /** Finishes what was asked, then closes the database. */
  close(): Promise<void>
}

/** A call without its number. */
type Unnumbered<Call> = Call extends ThreadCall ? Omit<Call, 'id'> : never

interface Asked {
  resolve(answer: ThreadAnswer): void
  reject(error: Error): void
}

/** The table of routes is the same on both sides, so that a route crosses as its place in it. */
const tableOnly = {} as Registry

/** The thread itself, started anew when it ends by itself; who asked it then is told so. */
class ThreadLink {
  readonly #data: RegistryThreadData
  readonly #deps: RegistryThreadDeps
  readonly #asked = new Map<number, Asked>()
  readonly #pauses: RestartPauses
  #worker: Worker | undefined
  /** One whose database isn't open yet. */
  #starting: Worker | undefined
  guard: MoveGuard = unguarded
  #lastId = 0
  #closed = false

  constructor(data: RegistryThreadData, deps: RegistryThreadDeps) {
    this.#data = data
    this.#deps = deps
    this.#pauses = new RestartPauses(deps.clock, deps.random)
  }

  /** Resolved once its database is open. */
  async start(): Promise<void> {
    const worker = new Worker(siblingModule(import.meta.url, './registry-thread'), {
      workerData: this.#data,
      resourceLimits: { maxYoungGenerationSizeMb: 16 },
    })
    this.#starting = worker
    let failure: Error | undefined
    worker.on('error', (error: Error) => (failure = error))
    const desk = new GuardDesk(
      { prepare: (moves, gone) => this.guard.prepare(moves, gone), changed: () => this.guard.changed() },
      (answer) => worker.postMessage(answer),
    )
    worker.on('message', (answer: ThreadAnswer | GuardQuestion | ThreadLogLine) => {
      if ('ask' in answer) {
        desk.receive(answer)
        return
      }
      if (answer.kind === 'log') {
        this.#deps.logger[answer.level](answer.event, answer.fields)
        return
      }
      this.#asked.get(answer.id)?.resolve(answer)
      this.#asked.delete(answer.id)
    })
    const ended = new Promise<Error>((resolve) => {
      worker.on('exit', (code) => {
        desk.close()
        resolve(failure ?? new Error(`the thread ended with code ${code}`))
      })
    })
    await Promise.race([
      this.#ask(0),
      ended.then((error) => {
        throw error
      }),
    ])
    this.#starting = undefined
    this.#worker = worker
    this.#pauses.started()
    void ended.then((error) => this.#ended(error))
  }

  call(unnumbered: Unnumbered<ThreadCall>): Promise<ThreadAnswer> {
    if (this.#worker === undefined) return Promise.reject(away())
    const id = ++this.#lastId
    this.#worker.postMessage({ ...unnumbered, id }, transferable(unnumbered))
    return this.#ask(id)
  }

  async close(): Promise<void> {
    // Why caught: a thread that ends by itself meanwhile has left what a crash leaves, which the next start mends.
    if (this.#worker !== undefined) await this.call({ kind: 'close' }).catch(() => undefined)
    this.#closed = true
    await this.#worker?.terminate()
    await this.#starting?.terminate()
  }

  #ask(id: number): Promise<ThreadAnswer> {
    return new Promise((resolve, reject) => this.#asked.set(id, { resolve, reject }))
  }

  #ended(error: Error): void {
    this.#worker = undefined
    for (const each of this.#asked.values()) each.reject(away(error))
    this.#asked.clear()
    if (this.#closed) return
    const { logger, clock } = this.#deps
    logger.error('registry.ended', { error })
    const again = (): void => {
      if (this.#closed) return
      this.start().catch((failure: unknown) => this.#ended(failure as Error))
    }
    clock.setTimer(again, this.#pauses.ended())
  }
}

const away = (cause?: Error): Error =>
  fail('database_unavailable', { reason: 'the registry is being restarted' }, cause)

export interface RegistryThreadDeps {
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random
}

/** Starts the registry's thread; resolved once its database is open, or known to be away. */
export const openRegistryThread = async (
  data: RegistryThreadData,
  deps: RegistryThreadDeps,
): Promise<RegistryThread> => {
  const link = new ThreadLink(data, deps)
  await link.start()
  const value = async (unnumbered: Unnumbered<ThreadCall>): Promise<unknown> => {
    const answer = await link.call(unnumbered)
    return answer.kind === 'value' ? answer.value : refuse(answer)
  }
  return {
    artifacts: artifactProxy((method, args) => value({ kind: 'method', method, args })),
    endpoints: endpointProxy((method, args) => value({ kind: 'method', method, args })),
    guardMoves: (guard) => (link.guard = guard),
    routes: registryRoutes(tableOnly).map((route, index) => ({
      ...route,
      async handle(exchange): Promise<Reply> {
        const answer = await link.call({ kind: 'route', route: index, exchange: await sent(exchange) })
        return answer.kind === 'reply' ? answer.reply : refuse(answer)
      },
    })),
    close: () => link.close(),
  }
}

/** The bytes of a body that nothing else is kept in go over without being copied. */
const transferable = (call: Unnumbered<ThreadCall>): ArrayBuffer[] => {
  if (call.kind !== 'route') return []
  const { buffer, byteLength } = call.exchange.body
  return byteLength > 0 && buffer.byteLength === byteLength && buffer instanceof ArrayBuffer ? [buffer] : []
}

const refuse = (answer: ThreadAnswer): never => {
  if (answer.kind === 'refused') throw new AppError(answer.code, answer.details)
  throw new Error(`the registry failed: ${answer.kind === 'failed' ? answer.reason : answer.kind}`)
}

const headersOf = (exchange: Exchange): Record<string, string> => {
  const headers: Record<string, string> = {}
  for (const name of sentHeaders) {
    const value = exchange.header(name)
    if (value !== undefined) headers[name] = value
  }
  return headers
}

const sent = async (exchange: Exchange): Promise<SentExchange> => ({
  method: exchange.method,
  path: exchange.path,
  params: exchange.params,
  query: exchange.query.toString(),
  headers: headersOf(exchange),
  body: exchange.method === 'GET' ? new Uint8Array() : await exchange.body(),
})
