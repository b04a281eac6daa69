import { Worker } from 'node:worker_threads'
import { siblingModule } from '../../lib/index.ts'
import { AppError, fail } from '../../protocol/index.ts'
import type { Tensor } from '../../tensor/index.ts'
import type { JsonDone, JsonWork } from './json-work.ts'
import type { InferJson } from './rest-decode.ts'
import type { RestInferRequest } from './rest-request.ts'

export interface JsonThreadOptions {
  /** A thread whose values need more memory ends alone; those of a body of the size limit need at most 4 GiB. */
  readonly heapMegabytesMax: number
  /** What the thread runs. */
  readonly program: URL
}

interface Pending {
  /** What outgrew the limit if the thread runs out of memory over it. */
  readonly what: string
  /** Whether a thread has died before its turn came. */
  retried: boolean
  /** Makes the message anew: what was handed to a thread is lost with it. */
  work(id: number): { readonly work: JsonWork; readonly transfer: readonly ArrayBuffer[] }
  resolve(result: unknown): void
  reject(error: Error): void
}

/**
 * Reads and writes large JSON on a thread of its own, started when first needed. The thread works in order of
 * arrival, so when it dies the oldest request is the one it was working on: that one fails, and the others are given
 * to a fresh thread, once.
 */
export class JsonThreads {
  readonly #options: JsonThreadOptions
  #worker: Worker | undefined
  #pending = new Map<number, Pending>()
  #nextId = 1
  #closed = false

  constructor(options: Partial<JsonThreadOptions> = {}) {
    this.#options = {
      heapMegabytesMax: options.heapMegabytesMax ?? 4096,
      program: options.program ?? siblingModule(import.meta.url, './json-thread'),
    }
  }

  /** Throws payload_too_large when the values need more memory than the thread may have. */
  decode(json: InferJson): Promise<RestInferRequest> {
    const work: Pending['work'] = (id) => ({ work: { id, kind: 'decode', json }, transfer: [] })
    return this.#ask('the memory to read this JSON', work) as Promise<RestInferRequest>
  }

  /** Throws payload_too_large when the text needs more memory than the thread may have. */
  encode(tensor: Tensor): Promise<string> {
    const work: Pending['work'] = (id) => {
      // Why: posting a view would copy the whole buffer behind it, which for a batch is everybody's answer.
      const data = new Uint8Array(tensor.data)
      return { work: { id, kind: 'encode', tensor: { ...tensor, data } }, transfer: [data.buffer] }
    }
    return this.#ask(`the memory to write output '${tensor.name}' as JSON`, work) as Promise<string>
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#worker?.terminate()
  }

  #ask(what: string, work: Pending['work']): Promise<unknown> {
    return new Promise((resolve, reject) => this.#send({ what, work, resolve, reject, retried: false }))
  }

  #send(pending: Pending): void {
    const id = this.#nextId++
    try {
      const { work, transfer } = pending.work(id)
      this.#open().postMessage(work, [...transfer])
      this.#pending.set(id, pending)
    } catch (error) {
      pending.reject(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #open(): Worker {
    if (this.#closed) throw fail('shutting_down', {})
    if (this.#worker !== undefined) return this.#worker
    const { program, heapMegabytesMax } = this.#options
    const worker = new Worker(program, { resourceLimits: { maxOldGenerationSizeMb: heapMegabytesMax } })
    worker.unref()
    worker.on('message', (done: JsonDone) => this.#done(done))
    worker.on('error', (error) => this.#lost(worker, error))
    worker.on('exit', (code) => this.#lost(worker, new Error(`the JSON thread ended with code ${code}`)))
    this.#worker = worker
    return worker
  }

  #done(done: JsonDone): void {
    const pending = this.#pending.get(done.id)
    this.#pending.delete(done.id)
    if (done.kind === 'done') pending?.resolve(done.result)
    else if (done.kind === 'failed') pending?.reject(new AppError(done.code, done.details))
    else pending?.reject(new Error(`the JSON thread failed: ${done.reason}`))
  }

  #lost(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    const [culprit, ...others] = this.#pending.values()
    this.#pending = new Map()
    if (culprit !== undefined) culprit.reject(this.#reason(culprit, error))
    for (const other of others) {
      if (other.retried) other.reject(error)
      else {
        other.retried = true
        this.#send(other)
      }
    }
  }

  #reason(culprit: Pending, error: Error): Error {
    if (this.#closed) return fail('shutting_down', {}, error)
    if (!('code' in error) || error.code !== 'ERR_WORKER_OUT_OF_MEMORY') return error
    const limitBytes = this.#options.heapMegabytesMax * 1024 ** 2
    return fail('payload_too_large', { what: culprit.what, limitBytes }, error)
  }
}
