import { Worker } from 'node:worker_threads'
import type { ArtifactIndex } from '../../dialects/mlflow/index.ts'
import { mlflowRoutes } from '../../dialects/mlflow/index.ts'
import { siblingModule } from '../../lib/index.ts'
import type { Logger } from '../../lib/index.ts'
import { AppError, fail } from '../../protocol/index.ts'
import type { Exchange, Reply, Route } from '../../protocol/index.ts'
import { artifactProxy } from './artifact-methods.ts'
import type { RegistryThreadData, SentExchange, ThreadAnswer, ThreadCall } from './thread-messages.ts'

/** The registry as the rest of the process sees it. */
export interface RegistryThread {
  readonly routes: readonly Route[]
  readonly artifacts: ArtifactIndex
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
const tableOnly = { registry: {} as never }

/** Starts the registry's thread; resolved once its database is open. */
export const openRegistryThread = async (data: RegistryThreadData, logger: Logger): Promise<RegistryThread> => {
  const worker = new Worker(siblingModule(import.meta.url, './registry-thread'), { workerData: data })
  const asked = new Map<number, Asked>()
  let lastId = 0
  let ended: Error | undefined
  const end = (error: Error): void => {
    if (ended === undefined) logger.error('registry.ended', { error })
    ended = error
    for (const each of asked.values()) each.reject(fail('database_unavailable', { reason: 'its thread ended' }, error))
    asked.clear()
  }
  worker.on('error', (error: Error) => end(error))
  worker.on('exit', (code) => {
    if (asked.size > 0) end(new Error(`the thread of the registry ended with code ${code}`))
  })
  worker.on('message', (answer: ThreadAnswer) => {
    asked.get(answer.id)?.resolve(answer)
    asked.delete(answer.id)
  })
  const ask = (id: number): Promise<ThreadAnswer> =>
    new Promise((resolve, reject) => asked.set(id, { resolve, reject }))
  await ask(0).catch(() => {
    throw ended ?? new Error('the registry did not start')
  })
  const call = (unnumbered: Unnumbered<ThreadCall>): Promise<ThreadAnswer> => {
    if (ended !== undefined) return Promise.reject(fail('database_unavailable', { reason: 'its thread ended' }, ended))
    const id = ++lastId
    worker.postMessage({ ...unnumbered, id })
    return ask(id)
  }
  const value = async (unnumbered: Unnumbered<ThreadCall>): Promise<unknown> => {
    const answer = await call(unnumbered)
    return answer.kind === 'value' ? answer.value : refuse(answer)
  }
  return {
    artifacts: artifactProxy((method, args) => value({ kind: 'artifacts', method, args })),
    routes: mlflowRoutes(tableOnly).map((route, index) => ({
      ...route,
      async handle(exchange): Promise<Reply> {
        const answer = await call({ kind: 'route', route: index, exchange: await sent(exchange) })
        return answer.kind === 'reply' ? answer.reply : refuse(answer)
      },
    })),
    async close() {
      if (ended === undefined) await value({ kind: 'close' })
      await worker.terminate()
    },
  }
}

const refuse = (answer: ThreadAnswer): never => {
  if (answer.kind === 'refused') throw new AppError(answer.code, answer.details)
  throw new Error(`the registry failed: ${answer.kind === 'failed' ? answer.reason : answer.kind}`)
}

const sent = async (exchange: Exchange): Promise<SentExchange> => ({
  method: exchange.method,
  path: exchange.path,
  params: exchange.params,
  query: exchange.query.toString(),
  contentType: exchange.header('content-type'),
  body: exchange.method === 'GET' ? new Uint8Array() : await exchange.body(),
})
