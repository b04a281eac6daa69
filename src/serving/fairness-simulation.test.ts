import { describe, expect, it } from 'vitest'
import type { TensorPayload } from '../host/index.ts'
import { Cancellation } from '../lib/index.ts'
import { AppError } from '../protocol/index.ts'
import type { SeededRandom } from '../testing/seeded-random.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { simulate } from '../testing/simulate.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import type { QueuePolicy } from './batcher/batch-queue.ts'
import type { InferTask } from './infer-task.ts'
import type { ModelInstance } from './model-instance.ts'
import { VersionScheduler } from './version-scheduler.ts'

/** A model as its callers and its engine make it. */
interface Plan {
  readonly name: string
  /** Mean time between requests. */
  readonly gapMs: number
  readonly instances: number
  readonly rowsMax: number
  readonly depthMax: number
  /** A run of a batch takes at most so long. */
  readonly serviceMsMax: number
  /** Share of the requests that are of level 1; the others are of level 2. */
  readonly urgentShare: number
  readonly timeoutMs: number
}

interface Ended {
  readonly arrivedMs: number
  readonly urgent: boolean
  readonly waitedMs: number
  readonly fate: string
}

const policyOf = ({ timeoutMs }: Plan): QueuePolicy => ({
  timeoutAction: 'reject',
  timeoutMsDefault: timeoutMs,
  allowTimeoutOverride: false,
  depthMax: 0,
})

const taskOf = (priority: number): InferTask => ({
  inputs: [{ name: 'x', datatype: 'UINT8', shape: [1, 1], data: new Uint8Array(1) }],
  wanted: [],
  priority,
  queueTimeoutMs: 0,
  deadlineMs: Infinity,
  cancellation: new Cancellation(),
})

/** An instance that answers with its inputs after a while. */
const openInstance = ({ serviceMsMax }: Plan, clock: VirtualClock, random: SeededRandom): ModelInstance => {
  const instance: Pick<ModelInstance, 'run' | 'onFree'> & { free: boolean } = {
    free: true,
    onFree: () => {},
    async run(tensors): Promise<TensorPayload> {
      instance.free = false
      await new Promise<void>((done) => clock.setTimer(done, serviceMsMax * random.next()))
      instance.free = true
      instance.onFree()
      const joined = tensors.map(({ pieces, ...tensor }) => ({ ...tensor, data: Buffer.concat(pieces) }))
      return { number: 1, wanted: [], tensors: joined }
    },
  }
  return instance as unknown as ModelInstance
}

/** Serves models side by side for `requests` of each, and tells how those of each ended. */
const serve = async (plans: readonly Plan[], requests: number, seed: number): Promise<Map<string, Ended[]>> => {
  const clock = new VirtualClock()
  const ended = new Map<string, Ended[]>()
  for (const [index, plan] of plans.entries()) {
    const ends: Ended[] = []
    ended.set(plan.name, ends)
    // What happens to a model by chance is the same whatever others there are.
    const random = seededRandom(seed * 1000 + plan.name.charCodeAt(0))
    const scheduler = new VersionScheduler({
      model: plan.name,
      batch: {
        rowsMax: plan.rowsMax,
        refuseAboveRowsMax: false,
        mode: 'adaptive',
        preferredRows: [],
        delayMs: 0,
        preserveOrdering: false,
        priorityLevels: 2,
        priorityDefault: 2,
        policyDefault: policyOf(plan),
        policies: new Map(),
        depthMax: plan.depthMax,
      },
      batchBytesMax: Infinity,
      joinsRows: true,
      clock,
      defer: (fn) => void clock.setTimer(fn, 0),
      events: { batchDone: () => {} },
    })
    scheduler.useInstances(Array.from({ length: plan.instances }, () => openInstance(plan, clock, random)))
    const arrive = (left: number): void => {
      if (left === 0) return
      const urgent = random.chance(plan.urgentShare)
      const arrivedMs = clock.now()
      const end = (fate: string): void => void ends.push({ arrivedMs, urgent, waitedMs: clock.now() - arrivedMs, fate })
      scheduler.infer(taskOf(urgent ? 1 : 2)).then(
        () => end('answered'),
        (error: unknown) => end(error instanceof AppError ? error.code : String(error)),
      )
      clock.setTimer(() => arrive(left - 1), random.exponential(plan.gapMs))
    }
    clock.setTimer(() => arrive(requests), index)
  }
  await clock.runUntilIdle()
  return ended
}

const drawPlan = (random: SeededRandom, name: string): Plan => ({
  name,
  gapMs: random.pick([0.2, 2, 20]),
  instances: 1 + random.int(3),
  rowsMax: random.pick([1, 4, 16]),
  depthMax: random.pick([4, 16, 64]),
  serviceMsMax: random.pick([1, 10, 100]),
  urgentShare: 0,
  timeoutMs: 0,
})

const withFate = (ends: readonly Ended[], fate: string): Ended[] => ends.filter((end) => end.fate === fate)

const quick: Plan = {
  name: 'q',
  gapMs: 5,
  instances: 1,
  rowsMax: 8,
  depthMax: 64,
  serviceMsMax: 4,
  urgentShare: 0,
  timeoutMs: 0,
}

describe('models side by side', () => {
  it('end every request as they would without the others', { timeout: 60_000 }, async () => {
    const fates = new Set<string>()
    await simulate(30, async (random, seed) => {
      const plans = ['a', 'b', 'c', 'd'].map((name) => drawPlan(random, name))
      const together = await serve(plans, 100, seed)
      for (const plan of plans) {
        const alone = (await serve([plan], 100, seed)).get(plan.name) ?? []
        const ends = together.get(plan.name) ?? []
        expect(ends.length).toBe(100)
        for (const [at, { fate, waitedMs }] of ends.entries()) {
          expect(fate).toBe(alone[at]?.fate)
          expect(waitedMs).toBeCloseTo(alone[at]?.waitedMs ?? Number.NaN, 6)
          fates.add(fate)
        }
      }
    })
    expect([...fates].toSorted()).toEqual(['answered', 'queue_full'])
  })

  it('bound each wait by their own queue and their own runs', { timeout: 60_000 }, async () => {
    await simulate(50, async (random, seed) => {
      const plans = ['a', 'b', 'c'].map((name) => drawPlan(random, name))
      const together = await serve(plans, 150, seed)
      for (const { name, depthMax, rowsMax, serviceMsMax } of plans) {
        // The run under way, and full batches of all that may wait before it.
        const boundMs = (1 + Math.ceil(depthMax / rowsMax)) * serviceMsMax
        for (const end of withFate(together.get(name) ?? [], 'answered'))
          expect(end.waitedMs).toBeLessThanOrEqual(boundMs + 1e-6)
      }
    })
  })

  it('keep a quick one quick while ten times what the others can do is asked of them', async () => {
    const slow: Plan = { ...quick, name: 's', gapMs: 1, rowsMax: 1, depthMax: 16, serviceMsMax: 20 }
    await simulate(20, async (_, seed) => {
      const ended = await serve([{ ...slow, name: 't' }, slow, quick], 400, seed)
      expect(withFate(ended.get('s') ?? [], 'queue_full').length).toBeGreaterThan(200)
      const waits = withFate(ended.get('q') ?? [], 'answered').map((end) => end.waitedMs)
      expect(waits.length).toBe(400)
      expect(Math.max(...waits)).toBeLessThanOrEqual(2 * quick.serviceMsMax)
    })
  })
})

describe('priority levels of one model', () => {
  const levels: Plan = { ...quick, rowsMax: 1, depthMax: 20, serviceMsMax: 10, urgentShare: 0.5, timeoutMs: 300 }

  it('are strict: a flood of the upper one takes everything, and the lower one ends by its timeout', async () => {
    await simulate(20, async (_, seed) => {
      const ends = (await serve([{ ...levels, gapMs: 1 }], 1000, seed)).get('q') ?? []
      const lower = ends.filter((end) => !end.urgent && end.arrivedMs > 100)
      const upper = ends.filter((end) => end.urgent && end.arrivedMs > 100)
      expect(withFate(upper, 'answered').length).toBeGreaterThan(10 * withFate(lower, 'answered').length)
      for (const end of lower) expect(end.waitedMs).toBeLessThanOrEqual(levels.timeoutMs + levels.serviceMsMax)
    })
  })

  it('keep the upper one answered while the lower one floods: who is refused is of the lower one', async () => {
    await simulate(20, async (_, seed) => {
      const ends = (await serve([{ ...levels, gapMs: 1, urgentShare: 0.1 }], 1000, seed)).get('q') ?? []
      const upper = ends.filter((end) => end.urgent)
      expect(withFate(upper, 'answered').length).toBe(upper.length)
      expect(withFate(ends, 'queue_full').length).toBeGreaterThan(500)
    })
  })

  it('starve nobody when there is time for all', async () => {
    await simulate(20, async (_, seed) => {
      const ends = (await serve([{ ...levels, gapMs: 8 }], 500, seed)).get('q') ?? []
      expect(withFate(ends, 'answered').length).toBe(500)
    })
  })
})
