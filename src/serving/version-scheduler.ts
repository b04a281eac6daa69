import { reasonOf } from '../lib/index.ts'
import type { Clock, Defer, Timer } from '../lib/index.ts'
import { AppError, fail } from '../protocol/index.ts'
import type { BatchDecision, BatchOptions, Waiting } from './batcher/batch-queue.ts'
import { BatchQueue } from './batcher/batch-queue.ts'
import { ReleaseOrder } from './batcher/release-order.ts'
import { batchAnswers, batchInputs, batchShape, UndividableBatch } from './batch-tensors.ts'
import { HostGone, HostRefusal } from './host-process.ts'
import type { InferAnswer, InferTask } from './infer-task.ts'
import type { ModelInstance, RunCallers } from './model-instance.ts'

/** A batch that left its host, well or not. */
export interface BatchDone {
  readonly rows: number
  readonly requests: number
  readonly reason: string
  readonly failed: boolean
  readonly inputMs: number
  readonly computeMs: number
  readonly outputMs: number
}

export interface SchedulerEvents {
  batchDone(batch: BatchDone): void
}

export interface SchedulerOptions {
  readonly model: string
  readonly batch: BatchOptions
  /** Bytes of inputs joined in one run. */
  readonly batchBytesMax: number
  /** Whether row 0 of every tensor is the batch: requests may be joined. */
  readonly joinsRows: boolean
  readonly clock: Clock
  readonly defer: Defer
  readonly events: SchedulerEvents
}

interface Ticket {
  readonly task: InferTask
  readonly resolve: (answer: InferAnswer) => void
  readonly reject: (error: Error) => void
  /** Its place in the order of arrival, when answers leave in that order. */
  place: number
  settled: boolean
}

/**
 * A frame to a host holds 2 GiB less one byte (see the host's frames); the rest is room for its head, the names and
 * shapes of the tensors and their padding.
 */
const runBytesMax = 2 ** 31 - 2 ** 20

/**
 * Brings requests and instances together: queues requests, asks the batch queue what to run next, and hands each
 * caller its rows of the result. Every ticket is settled exactly once.
 */
export class VersionScheduler {
  readonly #options: SchedulerOptions
  readonly #queue: BatchQueue<Ticket>
  readonly #order: ReleaseOrder<() => void> | undefined
  #instances: readonly ModelInstance[] = []
  #dispatchPending = false
  #timer: Timer | undefined
  #joins: boolean
  #alone = 0

  constructor(options: SchedulerOptions) {
    this.#options = options
    this.#queue = new BatchQueue(options.batch, options.batchBytesMax)
    this.#order = options.batch.preserveOrdering ? new ReleaseOrder() : undefined
    this.#joins = options.joinsRows
  }

  get depth(): number {
    return this.#queue.depth
  }

  /** The instances that take batches; call again when the set changes. */
  useInstances(instances: readonly ModelInstance[]): void {
    this.#instances = instances
    for (const instance of instances) instance.onFree = () => this.#scheduleDispatch()
    this.#scheduleDispatch()
  }

  infer(task: InferTask): Promise<InferAnswer> {
    const shape = batchShape(task, this.#joins)
    const bytes = inputBytes(task)
    if (bytes > runBytesMax) return Promise.reject(tooLarge(this.#options.model))
    // Why: requests that must not be joined differ in their key, which closes a batch after each.
    const shapeKey = (this.#joins ? shape.key : undefined) ?? String(this.#alone++)
    return new Promise((resolve, reject) => {
      const ticket: Ticket = { task, resolve, reject, place: 0, settled: false }
      const arrival = {
        item: ticket,
        rows: shape.rows,
        bytes,
        shapeKey,
        priority: task.priority,
        timeoutMs: task.queueTimeoutMs,
        deadlineMs: task.deadlineMs,
      }
      const waiting = this.#queue.push(arrival, this.#options.clock.now())
      if (waiting === 'queue_full') {
        reject(fail('queue_full', { model: this.#options.model, depth: this.#queue.depth }))
        return
      }
      ticket.place = this.#order?.admit() ?? 0
      task.cancellation.onCancel(() => this.#cancel(waiting))
      this.#scheduleDispatch()
    })
  }

  /** Fails everything that waits; runs under way end by themselves. */
  failWaiting(error: Error): void {
    for (const waiting of this.#queue.takeAll()) this.#settle(waiting.item, () => waiting.item.reject(error))
  }

  #cancel(waiting: Waiting<Ticket>): void {
    this.#queue.cancel(waiting)
    // A request that is being run is answered by its run; nobody reads that.
    if (!waiting.cancelled) return
    this.#settle(waiting.item, () => waiting.item.reject(fail('cancelled', {})))
  }

  #scheduleDispatch(): void {
    if (this.#dispatchPending) return
    this.#dispatchPending = true
    // Why: requests that arrived in the same turn of the event loop leave together instead of one by one.
    this.#options.defer(() => {
      this.#dispatchPending = false
      this.#dispatch()
    })
  }

  #dispatch(): void {
    for (;;) {
      const now = this.#options.clock.now()
      const instance = this.#instances.find((candidate) => candidate.free)
      const decision = this.#queue.next(now, instance !== undefined)
      this.#refuse(decision, now)
      if (decision.batch.length === 0 || instance === undefined) {
        this.#wakeAt(decision.wakeAtMs, now)
        return
      }
      void this.#run(instance, decision, now)
    }
  }

  #wakeAt(atMs: number | undefined, now: number): void {
    this.#timer?.cancel()
    this.#timer = atMs === undefined ? undefined : this.#options.clock.setTimer(() => this.#dispatch(), atMs - now)
  }

  #refuse(decision: BatchDecision<Ticket>, now: number): void {
    const model = this.#options.model
    for (const { item } of decision.displaced)
      this.#settle(item, () => item.reject(fail('queue_full', { model, depth: this.#queue.depth })))
    for (const { item, arrivedMs } of decision.expired) {
      const waitedMs = Math.round(now - arrivedMs)
      this.#settle(item, () => item.reject(fail('queue_timeout', { model, waitedMs })))
    }
    for (const { item, arrivedMs } of decision.late) {
      const elapsedMs = Math.round(now - arrivedMs)
      this.#settle(item, () =>
        item.reject(fail('deadline_exceeded', { model, elapsedMs, where: 'waiting in the queue' })),
      )
    }
  }

  async #run(instance: ModelInstance, decision: BatchDecision<Ticket>, sentAt: number): Promise<void> {
    const { batch, rows, reason } = decision
    const tasks = batch.map((waiting) => waiting.item.task)
    const fits = { rows, requests: batch.length, reason }
    const deadline = this.#watchDeadlines(batch)
    try {
      const { tensors, wanted } = batchInputs(tasks)
      const joinedAt = this.#options.clock.now()
      const payload = await instance.run(tensors, wanted, new BatchCallers(batch))
      const answeredAt = this.#options.clock.now()
      const answers = batchAnswers(payload, tasks)
      const doneAt = this.#options.clock.now()
      const computeMs = payload.number
      // Why: when the engine began isn't known here, on another process's clock.
      const wayMs = Math.max(0, answeredAt - joinedAt - computeMs) / 2
      const inputMs = joinedAt - sentAt + wayMs
      const outputMs = doneAt - answeredAt + wayMs
      this.#options.events.batchDone({ ...fits, failed: false, inputMs, computeMs, outputMs })
      batch.forEach((waiting, index) => {
        const answer: InferAnswer = {
          ...(answers[index] ?? { outputs: [] }),
          timing: {
            queueMs: sentAt - waiting.arrivedMs,
            transferMs: inputMs + outputMs,
            inputMs,
            outputMs,
            computeMs,
            batchRows: rows,
            batchRequests: batch.length,
            reason,
          },
        }
        this.#settle(waiting.item, () => waiting.item.resolve(answer))
      })
    } catch (error) {
      await this.#failed(instance, decision, error)
    } finally {
      deadline.cancel()
    }
  }

  /** Answers the callers of a running batch when their time is up; the run itself goes on, for the others and for the host's sake. */
  #watchDeadlines(batch: readonly Waiting<Ticket>[]): Timer {
    const { clock, model } = this.#options
    let timer: Timer | undefined
    const arm = (): void => {
      const now = clock.now()
      let next = Infinity
      for (const { item, arrivedMs, deadlineMs } of batch) {
        if (deadlineMs > now) {
          next = Math.min(next, deadlineMs)
          continue
        }
        const elapsedMs = Math.round(now - arrivedMs)
        this.#settle(item, () => item.reject(fail('deadline_exceeded', { model, elapsedMs, where: 'running' })))
      }
      timer = next === Infinity ? undefined : clock.setTimer(arm, next - now)
    }
    arm()
    return { cancel: () => timer?.cancel() }
  }

  /**
   * A joined batch that the host refused, or whose outputs can't be divided, runs again request by request, so that
   * one bad input doesn't fail its batch mates. A host that died took the whole batch with it: running it again
   * could kill the next host.
   */
  async #failed(instance: ModelInstance, decision: BatchDecision<Ticket>, error: unknown): Promise<void> {
    const { batch, rows, reason } = decision
    const fits = { rows, requests: batch.length, reason }
    this.#options.events.batchDone({ ...fits, failed: true, inputMs: 0, computeMs: 0, outputMs: 0 })
    if (error instanceof UndividableBatch) this.#joins = false
    const separable = error instanceof HostRefusal || error instanceof UndividableBatch
    if (batch.length === 1 || !separable) {
      const failure = inferFailure(this.#options.model, error)
      for (const waiting of batch) this.#settle(waiting.item, () => waiting.item.reject(failure))
      return
    }
    // Why: one after another, since the watchdog of a run counts from when it was sent.
    for (const waiting of batch) {
      if (waiting.item.settled) continue
      const sentAt = this.#options.clock.now()
      await this.#run(instance, { ...decision, batch: [waiting], rows: waiting.rows, reason: 'alone' }, sentAt)
    }
  }

  #settle(ticket: Ticket, release: () => void): void {
    if (ticket.settled) return
    ticket.settled = true
    if (this.#order === undefined) release()
    else for (const next of this.#order.settle(ticket.place, release)) next()
  }
}

const isAwaited = ({ item }: Waiting<Ticket>): boolean => !item.settled && !item.task.cancellation.cancelled

const idLengthMax = 128

class BatchCallers implements RunCallers {
  readonly #batch: readonly Waiting<Ticket>[]

  constructor(batch: readonly Waiting<Ticket>[]) {
    this.#batch = batch
  }

  get count(): number {
    return this.#batch.length
  }

  isAwaited(): boolean {
    return this.#batch.some(isAwaited)
  }

  ids(max: number): string[] {
    return this.#batch
      .map(({ item }) => item.task.id?.slice(0, idLengthMax) ?? '')
      .filter((id) => id !== '')
      .slice(0, max)
  }
}

const inputBytes = (task: InferTask): number => {
  let bytes = 0
  for (const input of task.inputs) bytes += input.data.length
  return bytes
}

const tooLarge = (model: string): AppError =>
  fail('payload_too_large', { what: `the size of the inputs for model '${model}'`, limitBytes: runBytesMax })

const inferFailure = (model: string, error: unknown): Error => {
  if (error instanceof AppError) return error
  const reason = reasonOf(error)
  if (error instanceof HostGone) return fail('host_crashed', { model, reason }, error)
  if (error instanceof HostRefusal && error.fault === 'input') return fail('input_refused', { model, reason }, error)
  return fail('model_failed', { model, reason }, error)
}
