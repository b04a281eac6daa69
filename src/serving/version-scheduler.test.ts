import { describe, expect, it } from 'vitest'
import type { TensorPayload } from '../host/index.ts'
import { Cancellation } from '../lib/index.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import type { InferAnswer, InferTask } from './infer-task.ts'
import type { ModelInstance } from './model-instance.ts'
import { VersionScheduler } from './version-scheduler.ts'

const policy = { timeoutAction: 'reject', timeoutMsDefault: 0, allowTimeoutOverride: false, depthMax: 0 } as const

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
    batch: {
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
    },
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
