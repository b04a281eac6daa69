import { Worker } from 'node:worker_threads'
import { AppError, fail } from '../../protocol/index.ts'
import type { ErrorCode } from '../../protocol/index.ts'

export interface WorkThreadOptions {
  /** A thread whose values need more memory ends alone; those of a body of the size limit need at most 4 GiB. */
  readonly heapMegabytesMax: number
  /** What the thread runs: a module that calls answerWork. */
  readonly program: URL
  /** Work that may be under way or wait. */
  readonly waitingMax: number
  /** Bytes of it in all; a single piece of work may have more. */
  readonly waitingBytesMax: number
}

/** Bounds on what waits for a thread that reads and writes bodies: seconds of its work. */
export const waitingDefaults = { waitingMax: 128, waitingBytesMax: 256 * 1024 ** 2 } as const

/** What a thread is told, and what it answers. */
export interface ThreadWork<Work> {
  readonly id: number
  readonly work: Work
}

export type ThreadDone =
  | { readonly id: number; readonly kind: 'done'; readonly result: unknown }
  | {
      readonly id: number
      readonly kind: 'failed'
      readonly code: ErrorCode
      readonly details: Record<string, string | number>
    }
  /** A fault of the program, not of the request. */
  | { readonly id: number; readonly kind: 'broken'; readonly reason: string }

/** One piece of work, made anew for every thread that gets it: what was handed to a thread is lost with it. */
export interface Message<Work> {
  readonly work: Work
  readonly transfer: readonly ArrayBuffer[]
}

/** Work as it is asked for. */
export interface Order<Work> {
  /** What outgrew the limit if the thread runs out of memory over it. */
  readonly what: string
  /** What it keeps in memory until it is done. */
  readonly bytes: number
  message(): Message<Work>
}

interface Pending<Work> extends Order<Work> {
  /** Whether a thread has died before its turn came. */
  retried: boolean
  resolve(result: unknown): void
  reject(error: Error): void
}

/**
 * A thread for work that would hold up the small requests, started when first needed. It works in order of arrival,
 * so when it dies the oldest request is the one it was working on: that one fails, and the others are given to a
 * fresh thread, once.
 */
export class WorkThread<Work> {
  readonly #options: WorkThreadOptions
  #worker: Worker | undefined
  #pending = new Map<number, Pending<Work>>()
  #waitingBytes = 0
  #nextId = 1
  #closed = false

  constructor(options: WorkThreadOptions) {
    this.#options = options
  }

  /**
   * Throws payload_too_large, saying that `what` exceeds the limit, when the values need more memory than the thread may
   * have; work_queue_full when too much waits already.
   */
  ask(order: Order<Work>): Promise<unknown> {
    const { waitingMax, waitingBytesMax } = this.#options
    const waiting = this.#pending.size
    const waitingBytes = this.#waitingBytes
    if (waiting > 0 && (waiting >= waitingMax || waitingBytes + order.bytes > waitingBytesMax))
      return Promise.reject(fail('work_queue_full', { waiting, waitingBytes }))
    return new Promise((resolve, reject) => this.#send({ ...order, resolve, reject, retried: false }))
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#worker?.terminate()
  }

  #send(pending: Pending<Work>): void {
    const id = this.#nextId++
    try {
      const { work, transfer } = pending.message()
      this.#open().postMessage({ id, work } satisfies ThreadWork<Work>, [...transfer])
      this.#pending.set(id, pending)
      this.#waitingBytes += pending.bytes
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
    worker.on('message', (done: ThreadDone) => this.#done(done))
    worker.on('error', (error) => this.#lost(worker, error))
    worker.on('exit', (code) => this.#lost(worker, new Error(`the thread ended with code ${code}`)))
    this.#worker = worker
    return worker
  }

  #done(done: ThreadDone): void {
    const pending = this.#pending.get(done.id)
    this.#pending.delete(done.id)
    this.#waitingBytes -= pending?.bytes ?? 0
    if (done.kind === 'done') pending?.resolve(done.result)
    else if (done.kind === 'failed') pending?.reject(new AppError(done.code, done.details))
    else pending?.reject(new Error(`the thread failed: ${done.reason}`))
  }

  #lost(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    const [culprit, ...others] = this.#pending.values()
    this.#pending = new Map()
    this.#waitingBytes = 0
    if (culprit !== undefined) culprit.reject(this.#reason(culprit, error))
    for (const other of others) {
      if (other.retried) other.reject(error)
      else {
        other.retried = true
        this.#send(other)
      }
    }
  }

  #reason(culprit: Order<Work>, error: Error): Error {
    if (this.#closed) return fail('shutting_down', {}, error)
    if (!('code' in error) || error.code !== 'ERR_WORKER_OUT_OF_MEMORY') return error
    const limitBytes = this.#options.heapMegabytesMax * 1024 ** 2
    return fail('payload_too_large', { what: culprit.what, limitBytes }, error)
  }
}
