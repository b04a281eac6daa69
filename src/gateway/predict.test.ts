import { describe, expect, it } from 'vitest'
import { Cancellation } from '../lib/index.ts'
import type { InferTask, ModelManager, ServedVersion } from '../serving/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { VirtualClock } from '../testing/index.ts'
import type { InferCall } from './infer-call.ts'
import type { LayOut } from './predict.ts'
import { openPredict } from './predict.ts'

/** A model whose versions give their inputs back, of which those in `serving` are there. */
const openModel = (serving: number[]) => {
  const made = new Map<number, ServedVersion>()
  const version = (number: number): ServedVersion => {
    const facts = { signature: { inputs: [], outputs: [], open: true }, config: { maxBatchSize: 0 } }
    const infer = ({ inputs }: InferTask) => Promise.resolve({ outputs: inputs, timing: {} })
    const served = made.get(number) ?? ({ model: 'm', version: number, facts, infer } as unknown as ServedVersion)
    made.set(number, served)
    return served
  }
  const get = (_: string, wanted: string | undefined): ServedVersion | undefined => {
    const found = wanted === undefined ? serving.at(-1) : serving.find((number) => String(number) === wanted)
    return found === undefined ? undefined : version(found)
  }
  const told: string[] = []
  const predict = openPredict({
    models: { get } as unknown as ModelManager,
    clock: new VirtualClock(),
    limits: { deadlineDefaultMs: 1000, deadlineMaxMs: 1000 },
    recorder: {
      answered: (call, reply) => told.push(`${reply.version} answered ${call.inputs.length}`),
      failed: (_, number, error) => told.push(`${number} failed ${error.code}`),
    },
    newRequestId: () => 'made',
    draining: () => false,
  })
  return { predict, told }
}

const call: InferCall = {
  model: 'm',
  version: undefined,
  id: '',
  inputs: [],
  outputs: [],
  priority: 0,
  queueTimeoutMs: 0,
  timeoutMs: undefined,
  cancellation: new Cancellation(),
  protocol: 'http',
  route: '/v2/models/{model}/infer',
  traceparent: undefined,
  receivedAtMs: 0,
}

/** Lays out a tensor that has the version's number for its name; `meanwhile` happens during the first. */
const laidOut = (meanwhile: () => void): { layOut: LayOut; asked: number[] } => {
  const asked: number[] = []
  const layOut: LayOut = ({ version }) => {
    if (asked.push(version) === 1) meanwhile()
    const input: Tensor = { name: String(version), datatype: 'UINT8', shape: [1], data: new Uint8Array(1) }
    return Promise.resolve({ inputs: [input] })
  }
  return { layOut, asked }
}

describe('a call that is laid out for the version that answers it', () => {
  it.each([
    ['stays with a version that another joins', [1, 2], [1], 1],
    ['is laid out again when another takes its place', [2], [1, 2], 2],
  ])('%s', async (_, after, asked, version) => {
    const serving = [1]
    const { predict, told } = openModel(serving)
    const work = laidOut(() => void serving.splice(0, 1, ...after))
    const reply = await predict(call, work.layOut)
    expect(work.asked).toEqual(asked)
    expect([reply.version, reply.outputs[0]?.name]).toEqual([String(version), String(version)])
    expect(told).toEqual([`${version} answered 1`])
  })
})
