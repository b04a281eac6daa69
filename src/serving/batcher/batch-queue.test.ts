import { describe, expect, it } from 'vitest'
import {
  BatchQueue,
  type Arrival,
  type BatchDecision,
  type BatchOptions,
  type QueuePolicy,
  type Waiting,
} from './batch-queue.ts'

const policy: QueuePolicy = {
  timeoutAction: 'reject',
  timeoutMsDefault: 0,
  allowTimeoutOverride: false,
  depthMax: 0,
}
const options: BatchOptions = {
  rowsMax: 32,
  refuseAboveRowsMax: false,
  mode: 'adaptive',
  preferredRows: [],
  delayMs: 0,
  preserveOrdering: false,
  priorityLevels: 0,
  priorityDefault: 0,
  policyDefault: policy,
  policies: new Map(),
  depthMax: 256,
}
const arrival: Arrival<string> = {
  item: '',
  rows: 1,
  bytes: 4,
  shapeKey: '',
  priority: 0,
  timeoutMs: 0,
  deadlineMs: Infinity,
}

const open = (changes: Partial<BatchOptions> = {}, bytesMax = Infinity): BatchQueue<string> =>
  new BatchQueue({ ...options, ...changes }, bytesMax)

function push(
  queue: BatchQueue<string>,
  nowMs: number,
  item: string,
  changes: Partial<Arrival<string>> = {},
): Waiting<string> {
  const waiting = queue.push({ ...arrival, ...changes, item }, nowMs)
  if (waiting === 'queue_full') throw new Error(`${item} was refused`)
  return waiting
}

const names = (waiting: readonly Waiting<string>[]): string => waiting.map(({ item }) => item).join(' ')

const summary = (decision: BatchDecision<string>): string =>
  decision.batch.length === 0
    ? `wait until ${decision.wakeAtMs}`
    : `${names(decision.batch)} (${decision.rows} rows, ${decision.reason})`

/** The batches that leave if instances are free without end. */
function leaveAll(queue: BatchQueue<string>, nowMs: number): string[] {
  const batches: string[] = []
  while (queue.depth > 0) batches.push(summary(queue.next(nowMs, true)))
  return batches
}

describe('a batch that need not wait', () => {
  it('leaves with all that queued while every instance was busy', () => {
    const queue = open()
    push(queue, 0, 'a')
    expect(summary(queue.next(0, true))).toBe('a (1 rows, idle)')
    push(queue, 1, 'b')
    push(queue, 2, 'c', { rows: 3 })
    expect(summary(queue.next(2, false))).toBe('wait until undefined')
    push(queue, 3, 'd')
    expect([queue.depth, queue.rows]).toEqual([3, 5])
    expect(summary(queue.next(9, true))).toBe('b c d (5 rows, idle)')
    expect([queue.depth, queue.rows]).toEqual([0, 0])
    expect(summary(queue.next(9, true))).toBe('wait until undefined')
  })

  it('counts rows and never splits a request', () => {
    const queue = open({ rowsMax: 8 })
    push(queue, 0, 'a', { rows: 5 })
    push(queue, 0, 'b', { rows: 4 })
    push(queue, 0, 'c', { rows: 4 })
    push(queue, 0, 'd', { rows: 1 })
    expect(leaveAll(queue, 0)).toEqual(['a (5 rows, full)', 'b c (8 rows, full)', 'd (1 rows, idle)'])
  })

  it('closes at a request of another shape, which starts the next batch', () => {
    const queue = open()
    push(queue, 0, 'a', { shapeKey: '3x224' })
    push(queue, 0, 'b', { shapeKey: '3x224' })
    push(queue, 0, 'c', { shapeKey: '3x299' })
    push(queue, 0, 'd', { shapeKey: '3x224' })
    expect(leaveAll(queue, 0)).toEqual(['a b (2 rows, shape)', 'c (1 rows, shape)', 'd (1 rows, idle)'])
  })

  it('runs a request of more rows than a batch holds by itself', () => {
    const queue = open({ rowsMax: 4 })
    push(queue, 0, 'a')
    push(queue, 0, 'huge', { rows: 9 })
    push(queue, 0, 'b')
    expect(leaveAll(queue, 0)).toEqual(['a (1 rows, full)', 'huge (9 rows, alone)', 'b (1 rows, idle)'])
  })

  it('joins no more bytes than its bound, and runs a request beyond it by itself', () => {
    const queue = open({}, 100)
    for (const [item, bytes] of Object.entries({ a: 60, b: 40, c: 1, huge: 101, d: 99, e: 2 })) {
      push(queue, 0, item, { bytes })
    }
    expect(leaveAll(queue, 0)).toEqual([
      'a b (2 rows, full)',
      'c (1 rows, full)',
      'huge (1 rows, alone)',
      'd (1 rows, full)',
      'e (1 rows, idle)',
    ])
  })

  it('waits for nothing more once its bytes are reached', () => {
    const queue = open({ mode: 'delay', delayMs: 10 }, 100)
    push(queue, 0, 'a', { bytes: 60 })
    expect(summary(queue.next(0, true))).toBe('wait until 10')
    push(queue, 1, 'b', { bytes: 40 })
    expect(summary(queue.next(1, true))).toBe('a b (2 rows, full)')
  })

  it.each([{ rowsMax: 0 }, { rowsMax: 1 }, { mode: 'off' as const }])(
    'runs every request by itself with %o',
    (changes) => {
      const queue = open({ delayMs: 10, ...changes })
      push(queue, 0, 'a', { rows: 1 })
      push(queue, 0, 'b', { rows: 2 })
      expect(leaveAll(queue, 0)).toEqual(['a (1 rows, alone)', 'b (2 rows, alone)'])
    },
  )

  it('takes the largest preferred size that fits, else what is below them all, else everything', () => {
    const queue = open({ preferredRows: [2, 4], rowsMax: 8 })
    for (const item of ['a', 'b', 'c', 'd', 'e']) push(queue, 0, item)
    expect(leaveAll(queue, 0)).toEqual(['a b c d (4 rows, preferred)', 'e (1 rows, idle)'])
    push(queue, 0, 'f', { rows: 3 })
    push(queue, 0, 'g', { rows: 4 })
    expect(leaveAll(queue, 0)).toEqual(['f (3 rows, full)', 'g (4 rows, preferred)'])
    push(queue, 0, 'h', { rows: 3 })
    expect(leaveAll(queue, 0)).toEqual(['h (3 rows, idle)'])
  })

  it('refuses rows above the maximum only if its owner let them through by mistake', () => {
    const queue = open({ rowsMax: 4, refuseAboveRowsMax: true })
    expect(() => push(queue, 0, 'a', { rows: 5 })).toThrow('larger requests were refused before')
    expect(() => push(queue, 0, 'a', { rows: 0 })).toThrow('at least one row')
  })
})

describe('a batch that waits for more', () => {
  const delayed = { mode: 'delay', delayMs: 10 } as const

  it('joins arrivals at 0, 2, 3, 5 and 8 ms into one batch that leaves at 10 ms', () => {
    const queue = open(delayed)
    for (const at of [0, 2, 3, 5, 8]) {
      push(queue, at, `r${at}`)
      expect(summary(queue.next(at, true))).toBe('wait until 10')
    }
    expect(summary(queue.next(9.999, true))).toBe('wait until 10')
    expect(summary(queue.next(10, true))).toBe('r0 r2 r3 r5 r8 (5 rows, delay)')
  })

  it('counts the delay from the oldest request that is still in it', () => {
    const queue = open(delayed)
    const first = push(queue, 0, 'a')
    push(queue, 4, 'b')
    expect(queue.next(4, true).wakeAtMs).toBe(10)
    queue.cancel(first)
    expect(queue.next(5, true).wakeAtMs).toBe(14)
    expect(summary(queue.next(14, true))).toBe('b (1 rows, delay)')
  })

  it('leaves at once when it is full, when the next has another shape, and at a preferred size', () => {
    const full = open({ ...delayed, rowsMax: 3 })
    push(full, 0, 'a', { rows: 2 })
    expect(summary(full.next(0, true))).toBe('wait until 10')
    push(full, 1, 'b', { rows: 2 })
    expect(summary(full.next(1, true))).toBe('a (2 rows, full)')
    push(full, 2, 'c')
    expect(summary(full.next(2, true))).toBe('b c (3 rows, full)')

    const shape = open(delayed)
    push(shape, 0, 'a', { shapeKey: 'x' })
    push(shape, 1, 'b', { shapeKey: 'y' })
    expect(summary(shape.next(1, true))).toBe('a (1 rows, shape)')
    expect(summary(shape.next(1, true))).toBe('wait until 11')

    const preferred = open({ ...delayed, preferredRows: [2] })
    push(preferred, 0, 'a')
    expect(summary(preferred.next(0, true))).toBe('wait until 10')
    push(preferred, 1, 'b')
    expect(summary(preferred.next(1, true))).toBe('a b (2 rows, preferred)')
    push(preferred, 2, 'c', { rows: 3 })
    expect(summary(preferred.next(2, true))).toBe('c (3 rows, full)')
    push(preferred, 3, 'd')
    push(preferred, 4, 'e', { rows: 2 })
    expect(summary(preferred.next(4, true))).toBe('d (1 rows, full)')
    expect(summary(preferred.next(4, true))).toBe('e (2 rows, preferred)')
  })

  it('grows on past its delay while no instance takes it, also past a preferred size', () => {
    const queue = open({ ...delayed, preferredRows: [2] })
    push(queue, 0, 'a')
    push(queue, 12, 'b')
    push(queue, 15, 'c')
    expect(summary(queue.next(15, false))).toBe('wait until undefined')
    expect(summary(queue.next(15, true))).toBe('a b c (3 rows, delay)')
  })

  it('does not stay closed when the request that closed it leaves', () => {
    const queue = open(delayed)
    push(queue, 0, 'a', { shapeKey: 'x' })
    const other = push(queue, 1, 'b', { shapeKey: 'y' })
    queue.cancel(other)
    expect(summary(queue.next(1, true))).toBe('wait until 10')
  })
})

describe('priority', () => {
  const levels = { priorityLevels: 3, priorityDefault: 2 }

  it('is strict, first in first out inside a level; 0 and unknown levels are the default level', () => {
    const queue = open({ ...levels, rowsMax: 4 })
    push(queue, 0, 'low', { priority: 3 })
    push(queue, 1, 'default', { priority: 0 })
    push(queue, 2, 'unknown', { priority: 9 })
    push(queue, 3, 'second', { priority: 2 })
    push(queue, 4, 'top', { priority: 1 })
    expect(leaveAll(queue, 5)).toEqual(['top default unknown second (4 rows, full)', 'low (1 rows, idle)'])
  })

  it('lets an urgent arrival into a batch that is already forming', () => {
    const queue = open({ ...levels, mode: 'delay', delayMs: 10, rowsMax: 3 })
    push(queue, 0, 'a', { rows: 2 })
    expect(queue.next(0, true).wakeAtMs).toBe(10)
    push(queue, 1, 'urgent', { priority: 1 })
    expect(summary(queue.next(1, true))).toBe('urgent a (3 rows, full)')
  })
})

describe('queue policies', () => {
  const timeout = { ...policy, timeoutMsDefault: 10 }

  it('reject a request whose time is up, also while all instances are busy, and say when to look', () => {
    const queue = open({ policyDefault: timeout })
    push(queue, 0, 'a')
    push(queue, 4, 'b')
    expect(queue.next(4, false).wakeAtMs).toBe(10)
    expect(names(queue.next(9.99, false).expired)).toBe('')
    const decision = queue.next(10, false)
    expect(names(decision.expired)).toBe('a')
    expect([decision.wakeAtMs, queue.depth]).toEqual([14, 1])
    expect(summary(queue.next(13, true))).toBe('b (1 rows, idle)')
    expect(queue.next(20, true)).toMatchObject({ batch: [], expired: [], wakeAtMs: undefined })
  })

  it('park a request whose time is up behind the others of its level, before lower levels', () => {
    const queue = open({
      policyDefault: { ...timeout, timeoutAction: 'delay' },
      priorityLevels: 2,
      priorityDefault: 1,
    })
    push(queue, 0, 'old')
    push(queue, 5, 'young')
    push(queue, 5, 'lower', { priority: 2 })
    const parked = queue.next(10, false)
    expect([names(parked.expired), queue.depth, parked.wakeAtMs]).toEqual(['', 3, 15])
    push(queue, 11, 'newest')
    expect(summary(queue.next(11, true))).toBe('young newest old lower (4 rows, idle)')
  })

  it('let a request shorten its wait if they allow it, never lengthen it', () => {
    const waitOf = (changes: Partial<QueuePolicy>, timeoutMs: number): number => {
      const queue = open({ policyDefault: { ...timeout, ...changes } })
      return push(queue, 100, 'a', { timeoutMs }).timeoutAtMs - 100
    }
    expect(waitOf({ allowTimeoutOverride: true }, 3)).toBe(3)
    expect(waitOf({ allowTimeoutOverride: true }, 30)).toBe(10)
    expect(waitOf({ allowTimeoutOverride: true }, 0)).toBe(10)
    expect(waitOf({ allowTimeoutOverride: false }, 3)).toBe(10)
    expect(waitOf({ allowTimeoutOverride: true, timeoutMsDefault: 0 }, 3)).toBe(3)
    expect(waitOf({ timeoutMsDefault: 0 }, 3)).toBe(Infinity)
  })

  it('have the latest of the least urgent make room in a full queue', () => {
    const queue = open({ priorityLevels: 3, priorityDefault: 2, depthMax: 4 })
    for (const [item, priority] of Object.entries({ a: 2, b: 3, c: 3, d: 1 })) push(queue, 0, item, { priority })
    expect(queue.push({ ...arrival, priority: 3 }, 0)).toBe('queue_full')
    push(queue, 0, 'e', { priority: 1 })
    push(queue, 0, 'f', { priority: 2 })
    expect(queue.push({ ...arrival, priority: 2 }, 0)).toBe('queue_full')
    const decision = queue.next(0, false)
    expect([names(decision.displaced), queue.depth]).toEqual(['c b', 4])
    expect(names(queue.next(0, false).displaced)).toBe('')
    push(queue, 0, 'g', { priority: 1 })
    expect(names(queue.takeAll())).toBe('d e g a f')
  })

  it('bound the depth of a level inside the bound of the queue', () => {
    const queue = open({
      priorityLevels: 2,
      priorityDefault: 2,
      policies: new Map([[1, { ...policy, depthMax: 1 }]]),
      depthMax: 3,
    })
    const first = push(queue, 0, 'a', { priority: 1 })
    const urgent = { ...arrival, priority: 1 }
    expect(queue.push(urgent, 0)).toBe('queue_full')
    queue.cancel(first)
    expect(queue.push(urgent, 0)).not.toBe('queue_full')
    push(queue, 0, 'b')
    push(queue, 0, 'c')
    expect(queue.push(arrival, 0)).toBe('queue_full')
    expect(queue.depth).toBe(3)
  })
})

describe('a request that leaves early', () => {
  it('is never in a batch after it was cancelled, and its place is free at once', () => {
    const queue = open({ depthMax: 2, policyDefault: { ...policy, timeoutMsDefault: 5 } })
    const first = push(queue, 0, 'a')
    push(queue, 0, 'b')
    queue.cancel(first)
    queue.cancel(first)
    expect([first.cancelled, queue.depth, queue.rows]).toEqual([true, 1, 1])
    push(queue, 1, 'c')
    expect(summary(queue.next(1, true))).toBe('b c (2 rows, idle)')
  })

  it('is not cancelled any more once it runs', () => {
    const queue = open()
    const running = push(queue, 0, 'a')
    queue.next(0, true)
    queue.cancel(running)
    expect([running.cancelled, queue.depth]).toEqual([false, 0])
  })

  it('is never started at or after its deadline', () => {
    const queue = open({
      policyDefault: { ...policy, timeoutAction: 'delay', timeoutMsDefault: 2 },
    })
    push(queue, 0, 'dead on arrival', { deadlineMs: 0 })
    push(queue, 0, 'parked', { deadlineMs: 8 })
    push(queue, 0, 'in time', { deadlineMs: 8.5 })
    expect(queue.next(0, false)).toMatchObject({
      wakeAtMs: 2,
      late: [{ item: 'dead on arrival' }],
    })
    expect(queue.next(2, false)).toMatchObject({ wakeAtMs: 8, late: [] })
    const decision = queue.next(8, true)
    expect([names(decision.late), summary(decision)]).toEqual(['parked', 'in time (1 rows, idle)'])
  })

  it('is expired or late by what came first, and late if both come at once', () => {
    const queue = open({ policyDefault: { ...policy, timeoutMsDefault: 10 } })
    push(queue, 0, 'timeout first', { deadlineMs: 11 })
    push(queue, 0, 'deadline first', { deadlineMs: 9 })
    push(queue, 0, 'both', { deadlineMs: 10 })
    const decision = queue.next(20, true)
    expect([names(decision.expired), names(decision.late)]).toEqual(['timeout first', 'deadline first both'])
  })

  it('is handed back in serving order when the queue is emptied', () => {
    const queue = open({ priorityLevels: 2, priorityDefault: 2, rowsMax: 2 })
    for (const item of ['a', 'b', 'c']) push(queue, 0, item, { deadlineMs: 5 })
    push(queue, 0, 'top', { priority: 1 })
    expect(names(queue.takeAll())).toBe('top a b c')
    expect(queue.next(9, true)).toMatchObject({ batch: [], late: [], wakeAtMs: undefined })
  })
})
