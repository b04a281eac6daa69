import { Worker } from 'node:worker_threads'
import { FairQueue } from '../../lib/index.ts'
import type { Cancellation } from '../../lib/index.ts'
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
  /** Whose it is, the name of a model: what the thread can do is shared evenly among those who want it. */
  readonly owner: string
  /** What outgrew the limit if the thread runs out of memory over it. */
  readonly what: string
  /** What it keeps in memory until it is done. */
  readonly bytes: number
  /** About as many bytes as are read or written: what its turn costs. */
  readonly textBytes: number
  /** Work that waits is dropped when nobody waits for it. */
  readonly cancellation?: Cancellation | undefined
  message(): Message<Work>
}

interface Pending<Work> extends Order<Work> {
  /** Whether a thread has died before its turn came. */
  retried: boolean
  resolve(result: unknown): void
  reject(error: Error): void
}

/** The thread has the next piece of work at hand when it is done with one, and no more, so that turns can be taken. */
const sentMax = 2
/** What a piece of work costs beside its bytes, in bytes, so that many tiny ones are not free. */
const pieceBytes = 8 * 1024

/**
 * A thread for work that would hold up the small requests, started when first needed. Owners take turns. What it was
 * sent it does in order, so when it dies the oldest of that is what it was working on: that one fails, and the others
 * are given to a fresh thread, once.
 */
export class WorkThread<Work> {
  readonly #options: WorkThreadOptions
  #worker: Worker | undefined
  readonly #waiting = new FairQueue<Pending<Work>>()
  /** What a thread that died has been sent. */
  #again: Pending<Work>[] = []
  readonly #sent = new Map<number, Pending<Work>>()
  #bytes = 0
  #nextId = 1
  #closed = false

  constructor(options: WorkThreadOptions) {
    this.#options = options
  }

  /**
   * Throws payload_too_large, saying that `what` exceeds the limit, when the values need more memory than the thread may
   * have; work_queue_full when too much waits already, unless others have more waiting than this owner: then it is theirs
   * that is refused.
   */
  ask(order: Order<Work>): Promise<unknown> {
    if (this.#closed) return Promise.reject(fail('shutting_down', {}))
    if (!this.#makeRoom(order)) return Promise.reject(this.#full())
    return new Promise((resolve, reject) => {
      const pending = { ...order, resolve, reject, retried: false }
      this.#bytes += order.bytes
      this.#waiting.push(order.owner, costOf(order), pending)
      order.cancellation?.onCancel(() => {
        if (this.#waiting.remove(order.owner, pending)) this.#refuse(pending, fail('cancelled', {}))
      })
      this.#sendNext()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#worker?.terminate()
  }

  get #count(): number {
    return this.#waiting.size + this.#again.length + this.#sent.size
  }

  #full(): AppError {
    return fail('work_queue_full', { waiting: this.#count, waitingBytes: this.#bytes })
  }

  #makeRoom(order: Order<Work>): boolean {
    const { waitingMax, waitingBytesMax } = this.#options
    const fits = (displaced: readonly Pending<Work>[]): boolean => {
      const count = this.#count - displaced.length
      const bytes = displaced.reduce((sum, gone) => sum - gone.bytes, this.#bytes)
      return count === 0 || (count < waitingMax && bytes + order.bytes <= waitingBytesMax)
    }
    if (fits([])) return true
    const full = this.#full()
    const displaced = this.#waiting.displace(order.owner, costOf(order), fits)
    for (const pending of displaced ?? []) this.#refuse(pending, full)
    return displaced !== undefined
  }

  #refuse(pending: Pending<Work>, error: Error): void {
    this.#bytes -= pending.bytes
    pending.reject(error)
  }

  #sendNext(): void {
    while (this.#sent.size < sentMax) {
      const pending = this.#again.shift() ?? this.#waiting.shift()
      if (pending === undefined) return
      const id = this.#nextId++
      try {
        const { work, transfer } = pending.message()
        this.#open().postMessage({ id, work } satisfies ThreadWork<Work>, [...transfer])
        this.#sent.set(id, pending)
      } catch (error) {
        this.#refuse(pending, error instanceof Error ? error : new Error(String(error)))
      }
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
    const pending = this.#sent.get(done.id)
    this.#sent.delete(done.id)
    this.#bytes -= pending?.bytes ?? 0
    // Why: before the answer, whose continuation is other work of this thread of the process.
    this.#sendNext()
    if (done.kind === 'done') pending?.resolve(done.result)
    else if (done.kind === 'failed') pending?.reject(new AppError(done.code, done.details))
    else pending?.reject(new Error(`the thread failed: ${done.reason}`))
  }

  #lost(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    const [culprit, ...others] = this.#sent.values()
    this.#sent.clear()
    if (culprit !== undefined) this.#refuse(culprit, this.#reason(culprit, error))
    for (const other of others) {
      if (other.retried) this.#refuse(other, error)
      else {
        other.retried = true
        this.#again.push(other)
      }
    }
    this.#sendNext()
  }

  #reason(culprit: Order<Work>, error: Error): Error {
    if (this.#closed) return fail('shutting_down', {}, error)
    if (!('code' in error) || error.code !== 'ERR_WORKER_OUT_OF_MEMORY') return error
    const limitBytes = this.#options.heapMegabytesMax * 1024 ** 2
    return fail('payload_too_large', { what: culprit.what, limitBytes }, error)
  }
}

const costOf = (order: Order<unknown>): number => order.textBytes + pieceBytes
