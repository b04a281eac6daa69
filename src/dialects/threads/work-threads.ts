import type { Order, WorkThreadOptions } from './work-thread.ts'
import { WorkThread } from './work-thread.ts'

/** Bounds on what waits for a thread that reads and writes bodies: seconds of its work. */
const waitingDefaults = { waitingMax: 128, waitingBytesMax: 256 * 1024 ** 2 } as const
/** Memory of a thread; the values of a body of the size limit need no more. */
export const heapMegabytesDefault = 4096
/** The thread is done with a piece of this size within tens of milliseconds; the largest keep it for seconds. */
const shortBytesMax = 1024 ** 2

/** Two threads: long work can't be interrupted, so what is short has one of its own and never waits behind it. */
export class WorkThreads<Work> {
  readonly #short: WorkThread<Work>
  readonly #long: WorkThread<Work>

  constructor(options: Partial<WorkThreadOptions> & Pick<WorkThreadOptions, 'program'>) {
    const whole = { heapMegabytesMax: heapMegabytesDefault, ...waitingDefaults, ...options }
    this.#short = new WorkThread(whole)
    this.#long = new WorkThread(whole)
  }

  /** As `WorkThread.ask`. */
  ask(order: Order<Work>): Promise<unknown> {
    return (order.textBytes <= shortBytesMax ? this.#short : this.#long).ask(order)
  }

  async close(): Promise<void> {
    await Promise.all([this.#short.close(), this.#long.close()])
  }
}
