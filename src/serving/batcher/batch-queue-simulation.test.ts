import { describe, expect, it } from 'vitest'
import type { Timer } from '../../lib/index.ts'
import type { SeededRandom } from '../../testing/seeded-random.ts'
import { seedsDefault, simulate } from '../../testing/simulate.ts'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import {
  BatchQueue,
  type Arrival,
  type BatchDecision,
  type BatchOptions,
  type QueuePolicy,
  type Waiting,
} from './batch-queue.ts'
import { ReleaseOrder } from './release-order.ts'

type Fate = 'answered' | 'expired' | 'late' | 'cancelled' | 'refused' | 'displaced'

interface Plan {
  readonly options: BatchOptions
  readonly bytesMax: number
  readonly instances: number
  readonly requests: number
  readonly gapMs: number
  readonly cancelShare: number
  /** Monotonic lifetime of a request, ms; 0 for none. */
  readonly lifetimeMs: number
  readonly serviceMs: (rows: number) => number
}

/** Instances over one queue, in virtual time; checks every decision against what it knows of the requests. */
class Server {
  readonly fates = new Map<number, Fate>()
  readonly batchRows: number[] = []
  /** Whether a batch was closed by its bytes. */
  crossedBytes = false
  readonly released: number[] = []
  readonly #plan: Plan
  readonly #clock = new VirtualClock()
  readonly #random: SeededRandom
  readonly #queue: BatchQueue<number>
  readonly #order = new ReleaseOrder<number>()
  readonly #waiting = new Map<number, Waiting<number>>()
  #free: number
  #wake: Timer | undefined

  constructor(plan: Plan, random: SeededRandom) {
    this.#plan = plan
    this.#random = random
    this.#queue = new BatchQueue(plan.options, plan.bytesMax)
    this.#free = plan.instances
  }

  async run(): Promise<void> {
    this.#arrive(0)
    await this.#clock.runUntilIdle()
    expect(this.fates.size).toBe(this.#plan.requests)
    expect([this.#queue.depth, this.#queue.rows, this.#order.held]).toEqual([0, 0, 0])
    expect(this.released).toEqual(Array.from({ length: this.#plan.requests }, (_, id) => id))
  }

  #arrive(id: number): void {
    if (id === this.#plan.requests) return
    const { options, gapMs, cancelShare, lifetimeMs } = this.#plan
    const random = this.#random
    const rows = random.chance(0.05) ? options.rowsMax + 1 : 1 + random.int(Math.max(1, options.rowsMax / 4))
    const arrival: Arrival<number> = {
      item: id,
      rows,
      bytes: random.chance(0.02) ? 2000 : 1 + random.int(300),
      shapeKey: random.chance(0.1) ? 'rare' : 'usual',
      priority: random.int(options.priorityLevels + 1),
      timeoutMs: random.chance(0.3) ? random.exponential(20) : 0,
      deadlineMs: lifetimeMs > 0 ? this.#clock.now() + random.exponential(lifetimeMs) : Infinity,
    }
    expect(this.#order.admit()).toBe(id)
    const waiting = this.#queue.push(arrival, this.#clock.now())
    if (waiting === 'queue_full') {
      expect(this.#isFull(arrival.priority)).toBe(true)
      this.#end(id, 'refused')
    } else {
      this.#waiting.set(id, waiting)
      expect(this.#queue.depth).toBeLessThanOrEqual(options.depthMax)
      if (random.chance(cancelShare)) this.#clock.setTimer(() => this.#cancel(waiting), random.exponential(10))
      this.#pump()
    }
    this.#clock.setTimer(() => this.#arrive(id + 1), random.exponential(gapMs))
  }

  #isFull(priority: number): boolean {
    const { depthMax, priorityDefault, policies } = this.#plan.options
    const level = priority === 0 ? priorityDefault : priority
    const levels = [...this.#waiting.values()].map((waiting) => waiting.priority)
    const inLevel = levels.filter((other) => other === level).length
    // Nobody is refused while somebody less urgent waits.
    const hopeless = this.#waiting.size >= depthMax && Math.max(...levels) <= level
    return hopeless || inLevel === policies.get(level)?.depthMax
  }

  #cancel(waiting: Waiting<number>): void {
    this.#queue.cancel(waiting)
    expect(waiting.cancelled).toBe(this.#waiting.has(waiting.item))
    if (waiting.cancelled) this.#end(waiting.item, 'cancelled')
    this.#pump()
  }

  #pump(): void {
    this.#wake?.cancel()
    let decision: BatchDecision<number>
    do {
      const before = [...this.#waiting.values()]
      decision = this.#queue.next(this.#clock.now(), this.#free > 0)
      this.#checkGone(decision)
      for (const waiting of decision.displaced) this.#displace(waiting)
      this.#checkBatch(
        decision,
        before.filter(({ item }) => this.#waiting.has(item)),
      )
      for (const { item } of decision.expired) this.#end(item, 'expired')
      for (const { item } of decision.late) this.#end(item, 'late')
      if (decision.batch.length > 0) this.#start(decision)
    } while (decision.batch.length > 0)
    this.#checkRest()
    expect(this.#queue.depth).toBe(this.#waiting.size)
    const { wakeAtMs } = decision
    if (wakeAtMs === undefined) return
    expect(wakeAtMs).toBeGreaterThan(this.#clock.now())
    this.#wake = this.#clock.setTimer(() => this.#pump(), wakeAtMs - this.#clock.now())
  }

  #start({ batch, rows }: BatchDecision<number>): void {
    this.#free--
    this.batchRows.push(rows)
    for (const { item } of batch) this.#waiting.delete(item)
    this.#clock.setTimer(() => {
      this.#free++
      for (const { item } of batch) this.#end(item, 'answered')
      this.#pump()
    }, this.#plan.serviceMs(rows))
  }

  /** Whoever makes room is the latest of the least urgent. */
  #displace({ item, priority }: Waiting<number>): void {
    const others = [...this.#waiting.values()].filter((waiting) => waiting.item !== item)
    for (const other of others) expect(other.priority).toBeLessThanOrEqual(priority)
    this.#end(item, 'displaced')
  }

  #end(id: number, fate: Fate): void {
    expect(this.fates.has(id), `request ${id} ends once`).toBe(false)
    this.fates.set(id, fate)
    this.#waiting.delete(id)
    this.released.push(...this.#order.settle(id, id))
  }

  /** Timeouts and deadlines fire at their instant, give or take the rounding of the clock's sum. */
  #checkGone({ expired, late }: BatchDecision<number>): void {
    const nowMs = this.#clock.now()
    for (const { timeoutAtMs } of expired) expect(timeoutAtMs).toBeCloseTo(nowMs, 6)
    for (const { deadlineMs } of late) expect(deadlineMs).toBeCloseTo(nowMs, 6)
  }

  #checkBatch({ batch, rows, reason }: BatchDecision<number>, before: readonly Waiting<number>[]): void {
    if (batch.length === 0) return
    const nowMs = this.#clock.now()
    const { rowsMax, policyDefault } = this.#plan.options
    const bytes = batch.reduce((sum, waiting) => sum + waiting.bytes, 0)
    expect(this.#free).toBeGreaterThan(0)
    expect(rows).toBe(batch.reduce((sum, waiting) => sum + waiting.rows, 0))
    if (reason === 'alone') expect(batch.length).toBe(1)
    else expect(rows).toBeLessThanOrEqual(rowsMax)
    if (batch.length > 1) expect(bytes).toBeLessThanOrEqual(this.#plan.bytesMax)
    this.crossedBytes ||= reason === 'full' && rows < rowsMax && bytes > this.#plan.bytesMax / 2
    expect(new Set(batch.map(({ shapeKey }) => shapeKey)).size).toBe(1)
    for (const waiting of batch) {
      expect(waiting.cancelled).toBe(false)
      expect(waiting.deadlineMs).toBeGreaterThan(nowMs)
      if (policyDefault.timeoutAction === 'reject') expect(waiting.timeoutAtMs).toBeGreaterThan(nowMs)
    }
    const servingOrder = before
      .filter(({ deadlineMs }) => deadlineMs > nowMs)
      .filter((waiting) => !this.#isRejected(waiting))
    servingOrder.sort((a, b) => a.priority - b.priority || this.#isParked(a) - this.#isParked(b))
    const [unparked, expected] = [batch, servingOrder.slice(0, batch.length)].map((list) =>
      list.filter((waiting) => this.#isParked(waiting) === 0).map(({ item }) => item),
    )
    expect(unparked).toEqual(expected)
  }

  #isParked({ timeoutAtMs }: Waiting<number>): number {
    return timeoutAtMs <= this.#clock.now() ? 1 : 0
  }

  #isRejected(waiting: Waiting<number>): boolean {
    return this.#plan.options.policyDefault.timeoutAction === 'reject' && this.#isParked(waiting) === 1
  }

  /** Nobody is kept waiting by an idle instance, but for the delay. */
  #checkRest(): void {
    if (this.#free === 0) return
    const { mode, delayMs } = this.#plan.options
    if (mode !== 'delay') expect(this.#waiting.size).toBe(0)
    for (const { arrivedMs } of this.#waiting.values()) expect(this.#clock.now()).toBeLessThan(arrivedMs + delayMs)
  }
}

function drawPlan(random: SeededRandom): Plan {
  const rowsMax = random.pick([0, 1, 4, 8, 32])
  const policy: QueuePolicy = {
    timeoutAction: random.pick(['reject', 'delay']),
    timeoutMsDefault: random.pick([0, 5, 30]),
    allowTimeoutOverride: random.chance(0.5),
    depthMax: 0,
  }
  return {
    options: {
      rowsMax,
      refuseAboveRowsMax: false,
      mode: random.pick(['adaptive', 'delay', 'off']),
      preferredRows: random.pick([[], [], [4], [2, 8]]),
      delayMs: random.pick([0, 3, 10]),
      preserveOrdering: true,
      priorityLevels: 3,
      priorityDefault: 2,
      policyDefault: policy,
      policies: new Map([[1, { ...policy, depthMax: 4 }]]),
      depthMax: random.pick([5, 20, 200]),
    },
    bytesMax: random.pick([Infinity, 500, 1500]),
    instances: 1 + random.int(3),
    requests: 120,
    gapMs: random.pick([0.5, 2, 8]),
    cancelShare: random.pick([0, 0.3]),
    lifetimeMs: random.pick([0, 15, 100]),
    serviceMs: () => random.exponential(6),
  }
}

describe('BatchQueue under random load', () => {
  it('keeps its promises for every request', { timeout: 60_000 }, async () => {
    const fates = new Set<Fate>()
    let crossedBytes = false
    await simulate(seedsDefault, async (random) => {
      const server = new Server(drawPlan(random), random)
      await server.run()
      for (const fate of server.fates.values()) fates.add(fate)
      crossedBytes ||= server.crossedBytes
    })
    expect([...fates].toSorted()).toEqual(['answered', 'cancelled', 'displaced', 'expired', 'late', 'refused'])
    expect(crossedBytes).toBe(true)
  })

  it('forms larger batches as the load grows, without a delay', async () => {
    const meanRows = async (gapMs: number): Promise<number> => {
      let rows = 0
      let batches = 0
      await simulate(5, async (random) => {
        const plan = drawPlan(random)
        const server = new Server(
          {
            ...plan,
            options: {
              ...plan.options,
              rowsMax: 32,
              mode: 'adaptive',
              preferredRows: [],
              policyDefault: {
                timeoutAction: 'reject',
                timeoutMsDefault: 0,
                allowTimeoutOverride: false,
                depthMax: 0,
              },
              policies: new Map(),
              depthMax: 500,
            },
            bytesMax: Infinity,
            instances: 2,
            requests: 500,
            gapMs,
            cancelShare: 0,
            lifetimeMs: 0,
            // A fixed cost for each run is what makes batches pay.
            serviceMs: (rowCount) => 4 + 0.02 * rowCount,
          },
          random,
        )
        await server.run()
        for (const size of server.batchRows) rows += size
        batches += server.batchRows.length
      })
      return rows / batches
    }
    const [low, middle, high] = [await meanRows(50), await meanRows(2), await meanRows(0.5)]
    expect(middle).toBeGreaterThan(1.2 * low)
    expect(high).toBeGreaterThan(1.5 * middle)
  })
})
