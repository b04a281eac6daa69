import { describe, expect, it } from 'vitest'
import type { TensorPayload } from '../host/index.ts'
import { Cancellation } from '../lib/index.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import type { BatchOptions } from './batcher/batch-options.ts'
import type { InferAnswer, InferTask } from './infer-task.ts'
import type { ModelInstance } from './model-instance.ts'
import { VersionScheduler } from './version-scheduler.ts'

const policy = { timeoutAction: 'reject', timeoutMsDefault: 0, allowTimeoutOverride: false, depthMax: 0 } as const

const batch: BatchOptions = {
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
  depthMax: 100,
}

const taskOf = (data: Uint8Array): InferTask => ({
  inputs: [{ name: 'x', datatype: 'UINT8', shape: [1, data.length], data }],
  wanted: [],
  priority: 0,
  queueTimeoutMs: 0,
  deadlineMs: Infinity,
  cancellation: new Cancellation(),
})

/** A scheduler over one instance that answers with its inputs, and what that instance was sent. */
const openScheduler = (batchBytesMax: number): { scheduler: VersionScheduler; runs: number[]; turn: () => void } => {
  const clock = new VirtualClock()
  const turns: (() => void)[] = []
  const runs: number[] = []
  const scheduler = new VersionScheduler({
    model: 'm',
    batch,
    batchBytesMax,
    joinsRows: true,
    clock,
    defer: (fn) => turns.push(fn),
    events: { batchDone: () => {} },
  })
  const instance: Pick<ModelInstance, 'free' | 'run' | 'onFree'> = {
    free: true,
    onFree: () => {},
    run: async (tensors): Promise<TensorPayload> => {
      const joined = tensors.map(({ pieces, ...tensor }) => ({ ...tensor, data: Buffer.concat(pieces) }))
      runs.push(joined.reduce((sum, tensor) => sum + tensor.data.length, 0))
      return { number: 1, wanted: [], tensors: joined }
    },
  }
  scheduler.useInstances([instance as ModelInstance])
  return { scheduler, runs, turn: () => turns.splice(0).forEach((fn) => fn()) }
}

describe('the size of a run', () => {
  it('stays below the bound on bytes, and everybody gets their own rows', async () => {
    const { scheduler, runs, turn } = openScheduler(100)
    const answers: Promise<InferAnswer>[] = []
    for (let i = 0; i < 5; i++) answers.push(scheduler.infer(taskOf(new Uint8Array(40).fill(i))))
    turn()
    const outputs = (await Promise.all(answers)).map((answer) => answer.outputs[0]?.data)
    expect(outputs).toEqual(answers.map((_, i) => Buffer.alloc(40, i)))
    expect(runs).toEqual([80, 80, 40])
  })

  it('refuses a single request that no frame to a host can hold, before it is queued', async () => {
    const { scheduler, runs } = openScheduler(100)
    const huge = taskOf(new Uint8Array(2 ** 31))
    await expect(scheduler.infer(huge)).rejects.toThrow(
      "the size of the inputs for model 'm' exceeds the limit of 2146435072 bytes",
    )
    expect([scheduler.depth, runs]).toEqual([0, []])
  })
})

describe('answers in the order of arrival', () => {
  const ended = async (preserveOrdering: boolean): Promise<string[]> => {
    const runs: (() => void)[] = []
    const turns: (() => void)[] = []
    const scheduler = new VersionScheduler({
      model: 'm',
      batch: { ...batch, rowsMax: 1, mode: 'off', preserveOrdering },
      batchBytesMax: 1024,
      joinsRows: false,
      clock: new VirtualClock(),
      defer: (fn) => turns.push(fn),
      events: { batchDone: () => {} },
    })
    const instance = (): ModelInstance => {
      const one = {
        free: true,
        onFree: () => {},
        run: async (tensors: Parameters<ModelInstance['run']>[0]): Promise<TensorPayload> => {
          one.free = false
          await new Promise<void>((resolve) => runs.push(resolve))
          one.free = true
          return {
            number: 1,
            wanted: [],
            tensors: tensors.map(({ pieces, ...tensor }) => ({ ...tensor, data: Buffer.concat(pieces) })),
          }
        },
      }
      return one as unknown as ModelInstance
    }
    scheduler.useInstances([instance(), instance()])
    const order: string[] = []
    const waiting = ['first', 'second'].map((name) =>
      scheduler.infer(taskOf(new Uint8Array(4))).then(() => order.push(name)),
    )
    turns.splice(0).forEach((fn) => fn())
    runs[1]?.()
    await new Promise(setImmediate)
    order.push('the second run is over')
    runs[0]?.()
    await Promise.all(waiting)
    return order
  }

  it('is kept where the model asks for it, though a later run ends first', async () => {
    expect(await ended(true)).toEqual(['the second run is over', 'first', 'second'])
    expect(await ended(false)).toEqual(['second', 'the second run is over', 'first'])
  })
})
