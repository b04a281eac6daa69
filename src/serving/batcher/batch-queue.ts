import { assert } from '../../lib/index.ts'
import { priorityLevelsMax, type BatchOptions, type QueuePolicy } from './batch-options.ts'
import { DueHeap } from './due-heap.ts'
import { FormingBatch } from './forming-batch.ts'
import { Lane } from './lane.ts'
import { Entry, type Waiting } from './waiting.ts'

export type { BatchOptions, QueuePolicy } from './batch-options.ts'
export type { Waiting } from './waiting.ts'

/**
 * Why a batch left when it did. idle: an instance was free and nothing is worth waiting for; full: the next request
 * does not fit, `rowsMax` or `bytesMax` is reached, or no preferred size is left to reach; preferred: a preferred size
 * was reached; delay: its oldest request waited long enough; shape: the next request has another shape; alone: this
 * request shares with none.
 */
export type BatchReason = 'idle' | 'full' | 'preferred' | 'delay' | 'shape' | 'alone'

/** What the owner of the queue has to do now. Every request is handed out exactly once, by one of the four lists. */
export interface BatchDecision<T> {
  /** To run now, on the free instance; empty if nothing is to run. */
  readonly batch: readonly Waiting<T>[]
  readonly rows: number
  /** Without meaning for an empty batch. */
  readonly reason: BatchReason
  /** Rejected by the timeout of their queue policy. */
  readonly expired: readonly Waiting<T>[]
  /** Their caller's deadline passed while they waited. */
  readonly late: readonly Waiting<T>[]
  /** Made room in a full queue for more urgent ones. */
  readonly displaced: readonly Waiting<T>[]
  /** When to ask again if nothing arrives and no instance becomes free before; undefined for never. */
  readonly wakeAtMs: number | undefined
}

/** A request on its way into the queue. */
export interface Arrival<T> {
  readonly item: T
  /** At least 1. */
  readonly rows: number
  /** What it takes in the frame of its batch. */
  readonly bytes: number
  readonly shapeKey: string
  /** Level; 0, or a level that does not exist, means the default level. */
  readonly priority: number
  /** Longest wait that the request asks for, ms; 0 if it asks for none. */
  readonly timeoutMs: number
  /** Monotonic ms, Infinity if none. */
  readonly deadlineMs: number
}

interface Level<T> {
  readonly policy: QueuePolicy
  readonly active: Lane<T>
  /** Requests whose time is up but which are still to be served. */
  readonly parked: Lane<T>
}

const nobody: readonly never[] = []

/**
 * Decides which waiting requests run together and when, with the rules of Triton's dynamic batcher: strict priority,
 * first in first out inside a level, a batch that keeps growing until an instance takes it. A full queue sheds the least
 * urgent first, where Triton, whose bounds are those of single levels, has none in all. It holds no clock and no
 * timers: every question names the time, which must not go back. Costs per request are O(1) without timeouts and
 * deadlines, O(log depth) with.
 */
export class BatchQueue<T> {
  readonly #options: BatchOptions
  readonly #levels: readonly Level<T>[]
  readonly #lanes: readonly Lane<T>[]
  readonly #due = new DueHeap<T>()
  readonly #forming: FormingBatch<T>
  readonly #delayMs: number
  readonly #preferredRowsMax: number
  #depth = 0
  #rows = 0
  #sequence = 0
  readonly #displaced: Entry<T>[] = []

  /** `bytesMax` bounds the bytes that requests are joined to: the server's limit, whatever the model asks for. */
  constructor(options: BatchOptions, bytesMax: number) {
    const levelCount = Math.max(1, options.priorityLevels)
    assert(levelCount <= priorityLevelsMax, `at most ${priorityLevelsMax} priority levels`)
    this.#options = options
    this.#levels = Array.from({ length: levelCount }, (_, index) => ({
      policy: options.policies.get(index + 1) ?? options.policyDefault,
      active: new Lane<T>(2 * index),
      parked: new Lane<T>(2 * index + 1),
    }))
    this.#lanes = this.#levels.flatMap(({ active, parked }) => [active, parked])
    const rowsMax = options.mode === 'off' ? 0 : options.rowsMax
    const preferredRows = options.preferredRows.filter((rows) => rows <= rowsMax)
    this.#forming = new FormingBatch(this.#lanes, { rowsMax, bytesMax }, preferredRows)
    this.#preferredRowsMax = preferredRows.reduce((max, rows) => Math.max(max, rows), 0)
    this.#delayMs = options.mode === 'delay' ? options.delayMs : 0
  }

  /** Requests that wait. */
  get depth(): number {
    return this.#depth
  }

  /** Rows that wait. */
  get rows(): number {
    return this.#rows
  }

  /**
   * Puts a request at the end of its level, or refuses it when the level is at its bound, or the queue is and holds
   * nothing less urgent that could leave instead.
   */
  push(arrival: Arrival<T>, nowMs: number): Waiting<T> | 'queue_full' {
    const { item, rows, bytes, shapeKey, deadlineMs } = arrival
    const { rowsMax, refuseAboveRowsMax, depthMax } = this.#options
    assert(rows >= 1, 'a request has at least one row')
    assert(!refuseAboveRowsMax || rowsMax <= 1 || rows <= rowsMax, 'larger requests were refused before')
    const priority = this.#priority(arrival.priority)
    const { policy, active, parked } = this.#level(priority)
    if (policy.depthMax > 0 && active.size + parked.size >= policy.depthMax) return 'queue_full'
    if (this.#depth >= depthMax && !this.#displaceBelow(priority)) return 'queue_full'
    const timeoutAtMs = nowMs + waitMsMax(policy, arrival.timeoutMs)
    const sequence = this.#sequence++
    const entry = new Entry({
      item,
      rows,
      bytes,
      shapeKey,
      arrivedMs: nowMs,
      priority,
      deadlineMs,
      timeoutAtMs,
      sequence,
    })
    this.#link(entry, active)
    return entry
  }

  /**
   * Takes a request out and frees its place at once. Does nothing, and leaves `cancelled` as it is, for one that has
   * already left the queue. The request must come from this queue.
   */
  cancel(waiting: Waiting<T>): void {
    assert(waiting instanceof Entry, 'a waiting request is made by push')
    if (waiting.lane === undefined) return
    waiting.cancelled = true
    this.#unlink(waiting)
  }

  /**
   * To be asked after an arrival, when an instance becomes free, and at `wakeAtMs`. `instanceFree`: a batch could
   * start now. One batch at a time: with more free instances, ask again until the batch is empty.
   */
  next(nowMs: number, instanceFree: boolean): BatchDecision<T> {
    const { expired, late } = this.#sweep(nowMs)
    let batch: Entry<T>[] | undefined
    let rows = 0
    let reason: BatchReason = 'idle'
    let wakeAtMs = Infinity
    if (instanceFree && this.#depth > 0) {
      const leave = this.#decide(nowMs)
      if (leave.count > 0) {
        batch = this.#take(leave.count)
        reason = leave.reason
        for (const entry of batch) rows += entry.rows
      } else wakeAtMs = this.#forming.oldestMs + this.#delayMs
    }
    wakeAtMs = Math.min(wakeAtMs, this.#due.peek()?.dueMs ?? Infinity)
    return {
      displaced: this.#takeDisplaced(),
      batch: batch ?? nobody,
      rows,
      reason,
      expired,
      late,
      wakeAtMs: wakeAtMs === Infinity ? undefined : wakeAtMs,
    }
  }

  /** Empties the queue, in the order in which it would have been served. */
  takeAll(): readonly Waiting<T>[] {
    return [...this.#take(this.#depth), ...this.#takeDisplaced()]
  }

  #takeDisplaced(): readonly Entry<T>[] {
    if (this.#displaced.length === 0) return nobody
    return this.#displaced.splice(0)
  }

  /** Has the latest of the least urgent requests leave, if it is less urgent than `priority`. */
  #displaceBelow(priority: number): boolean {
    const last = this.#lanes.findLast((lane) => lane.size > 0)?.tail
    if (last === undefined || last.priority <= priority) return false
    this.#unlink(last)
    this.#displaced.push(last)
    return true
  }

  /** How many requests at the front run now, 0 to wait for more; the forming batch is not empty. */
  #decide(nowMs: number): { count: number; reason: BatchReason } {
    const forming = this.#forming
    const growth = forming.grow()
    const { mode, rowsMax } = this.#options
    const { count } = forming
    if (mode === 'off' || rowsMax <= 1 || forming.oversize) return { count, reason: 'alone' }
    const overdue = this.#delayMs > 0 && nowMs >= forming.oldestMs + this.#delayMs
    if (forming.preferredCount > 0 && !overdue)
      return { count: forming.preferredCount, reason: forming.isPreferred ? 'preferred' : 'full' }
    if (growth !== 'open') return { count, reason: growth }
    if (overdue) return { count, reason: 'delay' }
    if (this.#delayMs === 0) return { count, reason: 'idle' }
    // Why: past its largest preferred size the batch has nothing to wait for.
    if (this.#preferredRowsMax > 0 && forming.rows > this.#preferredRowsMax) return { count, reason: 'full' }
    return { count: 0, reason: 'idle' }
  }

  #sweep(nowMs: number): { expired: readonly Entry<T>[]; late: readonly Entry<T>[] } {
    let entry = this.#due.peek()
    if (entry === undefined || entry.dueMs > nowMs) return nothingDue
    const expired: Entry<T>[] = []
    const late: Entry<T>[] = []
    for (; entry !== undefined && entry.dueMs <= nowMs; entry = this.#due.peek()) {
      this.#unlink(entry)
      const { policy, parked } = this.#level(entry.priority)
      const delays = policy.timeoutAction === 'delay'
      if (entry.deadlineMs <= nowMs && (delays || entry.deadlineMs <= entry.timeoutAtMs)) late.push(entry)
      else if (delays) {
        entry.dueMs = entry.deadlineMs
        this.#link(entry, parked)
      } else expired.push(entry)
    }
    return { expired, late }
  }

  #take(count: number): Entry<T>[] {
    const entries = this.#forming.front(count)
    for (const entry of entries) this.#unlink(entry)
    return entries
  }

  #link(entry: Entry<T>, lane: Lane<T>): void {
    lane.append(entry)
    this.#forming.arrived(lane.rank)
    if (entry.dueMs < Infinity) this.#due.push(entry)
    this.#depth++
    this.#rows += entry.rows
  }

  #unlink(entry: Entry<T>): void {
    this.#forming.leaving(entry)
    entry.lane?.remove(entry)
    this.#due.remove(entry)
    this.#depth--
    this.#rows -= entry.rows
  }

  #priority(asked: number): number {
    return this.#levels[asked - 1] === undefined ? Math.max(1, this.#options.priorityDefault) : asked
  }

  #level(priority: number): Level<T> {
    const level = this.#levels[priority - 1]
    assert(level !== undefined, `priority level ${priority} exists`)
    return level
  }
}

const nothingDue = { expired: nobody, late: nobody } as const

function waitMsMax(policy: QueuePolicy, askedMs: number): number {
  const defaultMs = policy.timeoutMsDefault > 0 ? policy.timeoutMsDefault : Infinity
  return policy.allowTimeoutOverride && askedMs > 0 ? Math.min(defaultMs, askedMs) : defaultMs
}
