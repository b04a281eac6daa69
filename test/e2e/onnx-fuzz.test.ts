import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkOnnx, OnnxRefused } from '../../src/host/engines/onnx/check-onnx.ts'
import type { OnnxFacts } from '../../src/host/engines/onnx/onnx-file.ts'
import type { LoadReport, TensorPayload } from '../../src/host/index.ts'
import type { TensorSpec } from '../../src/tensor/index.ts'
import { checkTensor } from '../../src/tensor/index.ts'
import {
  addModel,
  allocationBombModel,
  buildOnnx,
  convolutionModel,
  dynamicShapesModel,
  fixedCostModel,
  identityModel,
  inferBody,
  labelModel,
  liveBytes,
  mlpModel,
  seededRandom,
  simpleModel,
  slowModel,
  startTestApp,
  zipMapModel,
} from '../../src/testing/index.ts'
import type { OnnxModel, TestApp } from '../../src/testing/index.ts'
import { feedsFor } from './feeds.ts'
import { MutantHosts } from './mutant-host.ts'
import { mutate } from './onnx-mutants.ts'
import type { Mutant } from './onnx-mutants.ts'

/** CONTRIBUTING.md tells how to run more of them. */
const fewMutants = 600
const mutants = Number(process.env['FUZZ_MUTANTS'] ?? fewMutants)
const seed = Number(process.env['FUZZ_SEED'] ?? 1)

const weightsFile = 'weights.bin'

const externalModel = (): OnnxModel => ({
  inputs: [{ name: 'x', datatype: 'FP32', shape: ['batch', 4] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: ['batch', 3] }],
  nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
  initializers: [{ name: 'w', datatype: 'FP32', dims: [4, 3], data: { location: weightsFile, offset: 0, length: 48 } }],
})

/** An operator that the file itself defines, and a branch. */
const functionModel = (): OnnxModel => ({
  inputs: [{ name: 'x', datatype: 'FP32', shape: ['batch', 2] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: ['batch', 2] }],
  nodes: [
    { op: 'Twice', domain: 'own', inputs: ['x'], outputs: ['doubled'] },
    {
      op: 'If',
      inputs: ['yes'],
      outputs: ['y'],
      attributes: { then_branch: { graph: branch('Neg') }, else_branch: { graph: branch('Abs') } },
    },
  ],
  initializers: [{ name: 'yes', datatype: 'BOOL', dims: [], data: Uint8Array.of(1) }],
  functions: [
    {
      name: 'Twice',
      domain: 'own',
      inputs: ['a'],
      outputs: ['b'],
      nodes: [{ op: 'Add', inputs: ['a', 'a'], outputs: ['b'] }],
    },
  ],
})

const branch = (op: string): Pick<OnnxModel, 'inputs' | 'outputs' | 'nodes'> => ({
  inputs: [],
  outputs: [{ name: op, datatype: 'FP32', shape: ['batch', 2] }],
  nodes: [{ op, inputs: ['doubled'], outputs: [op] }],
})

const files = [
  identityModel('BYTES'),
  identityModel('FP16'),
  simpleModel(),
  mlpModel({ inputs: 6, hidden: 5, outputs: 4 }),
  zipMapModel('int64'),
  zipMapModel('string'),
  labelModel(),
  dynamicShapesModel(),
  slowModel({ size: 4 }),
  allocationBombModel(),
  convolutionModel({ layers: 2, channels: 3 }),
  fixedCostModel({ size: 8, rounds: 2 }),
  externalModel(),
  functionModel(),
].map(buildOnnx)

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-fuzz-'))
  mkdirSync(join(folder, 'empty'))
  writeFileSync(join(folder, weightsFile), new Uint8Array(Float32Array.from({ length: 12 }, (_, i) => i).buffer))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Each by a seed of its own, so that one can be made again without those before it. */
const mutant = (number: number): Mutant => mutate(files, seededRandom(seed * 1_000_003 + number))

/** The facts of a file, or why it is refused. Anything else that is thrown is a fault of the check. */
const check = (path: string): OnnxFacts | string => {
  try {
    return checkOnnx(path, { bytesMax: 2 ** 30, allowedDomains: [] })
  } catch (error) {
    if (error instanceof OnnxRefused) return error.message
    throw error
  }
}

const names = (values: readonly { readonly name: string }[]): string[] => values.map(({ name }) => name)

/** What a host says of a file must be what the check read in it, and its answer what it says. */
const checkAnswer = (facts: OnnxFacts, { signature }: LoadReport, answer: TensorPayload | string): void => {
  expect(names(signature.inputs)).toEqual(names(facts.inputs))
  expect(names(signature.outputs)).toEqual(names(facts.outputs))
  if (typeof answer === 'string') {
    expect(answer).not.toBe('')
    return
  }
  expect(answer.tensors.map(({ name, datatype }) => [name, datatype])).toEqual(
    signature.outputs.map(({ name, datatype }) => [name, datatype]),
  )
  for (const tensor of answer.tensors) checkTensor(tensor)
}

type Ending = 'refused' | 'refusedByRuntime' | 'failed' | 'answered' | 'hostGone'

/** Mutants that ended their host: the server is to outlive them as well. */
const killers: { readonly number: number; readonly reason: string }[] = []

interface Trial {
  readonly hosts: MutantHosts
  readonly path: string
  /** What the files that mutants are made of answer. */
  readonly right: readonly TensorPayload[]
}

const answerOf = async (hosts: MutantHosts, path: string): Promise<TensorPayload> => {
  const verdict = await hosts.judge(path)
  if (verdict.kind !== 'loaded' || typeof verdict.answer === 'string') throw new Error(JSON.stringify(verdict))
  return verdict.answer
}

const tryOne = async ({ hosts, path, right }: Trial, number: number): Promise<Ending> => {
  const { bytes, of, same } = mutant(number)
  writeFileSync(path, bytes)
  const refused = (reason: string): void => {
    expect(reason).not.toBe('')
    expect(same, `as good as the file that it was made of, and refused: ${reason}`).toBe(false)
  }
  const facts = check(path)
  if (typeof facts === 'string') {
    refused(facts)
    return 'refused'
  }
  const verdict = await hosts.judge(path)
  if (verdict.kind === 'refused') {
    refused(verdict.reason)
    return 'refusedByRuntime'
  }
  if (verdict.kind === 'gone') {
    expect(same).toBe(false)
    killers.push({ number, reason: verdict.reason })
    return 'hostGone'
  }
  checkAnswer(facts, verdict.report, verdict.answer)
  if (same) expect(verdict.answer).toMatchObject({ tensors: right[of]?.tensors })
  return typeof verdict.answer === 'string' ? 'failed' : 'answered'
}

describe(`${mutants} ONNX files made of valid ones`, () => {
  it('are refused with a reason or answer as they say', { timeout: 60_000 + mutants * 200 }, async () => {
    await using hosts = new MutantHosts(join(folder, 'empty'))
    const path = join(folder, 'model.onnx')
    const right: TensorPayload[] = []
    for (const bytes of files) {
      writeFileSync(path, bytes)
      right.push(await answerOf(hosts, path))
    }
    const before = liveBytes()
    const startedAt = performance.now()
    const tally: Record<Ending, number> = { refused: 0, refusedByRuntime: 0, failed: 0, answered: 0, hostGone: 0 }
    for (let number = 0; number < mutants; number++) {
      try {
        tally[await tryOne({ hosts, path, right }, number)]++
      } catch (error) {
        throw new Error(`mutant ${number} of seed ${seed}, made of file ${mutant(number).of}`, { cause: error })
      }
    }
    expect(liveBytes() - before).toBeLessThan(32 * 1024 * 1024)
    const seconds = Math.round((performance.now() - startedAt) / 1000)
    if (mutants !== fewMutants) console.info({ ...tally, hosts: hosts.started, seconds, killers })
    for (const count of [tally.refused, tally.refusedByRuntime, tally.answered]) expect(count).toBeGreaterThan(0)
  })

  it(
    'are the same to a server, which goes on whatever they do to a host',
    { timeout: 120_000 + mutants * 50 },
    async () => {
      await using app = await startTestApp({
        models: { 'good/1/model.mjs': addModel(1) },
        flags: [
          '--model-control=explicit',
          '--load-model=good',
          '--serving.host.memory-bytes-max=500MiB',
          '--serving.host.load-timeout-ms=5s',
          '--serving.host.run-timeout-ms=5s',
        ],
      })
      const chosen = [
        ...(seed === 1 ? knownKillers : []),
        ...killers.map(({ number }) => number),
        ...Array.from({ length: Math.ceil(mutants / 40) }, (_, i) => i * 40),
      ]
      const told: string[] = []
      for (const number of new Set(chosen)) {
        told.push(await serve(app, number))
        const { status } = await app.post('/v2/models/good/infer', inferBody([1]))
        expect(status, `after mutant ${number} of seed ${seed}`).toBe(200)
      }
      if (seed === 1) {
        expect(told.some((reason) => /ended by SIG/.test(reason))).toBe(true)
        expect(told.some((reason) => /beyond the limit of 500 MiB/.test(reason))).toBe(true)
      }
      expect(told).toContain('')
      expect(app.log.filter(({ event }) => event === 'http.unexpected')).toEqual([])
    },
  )
})

/** Of seed 1: the runtime aborts over the first, and folds constants of the other two into gigabytes while it loads. */
const knownKillers = [3008, 8074, 19_411]

/** Loads and asks it as a client would; answers why that failed, and nothing when it didn't. */
const serve = async (app: TestApp, number: number): Promise<string> => {
  const { bytes } = mutant(number)
  const loaded = await app.post(`/v2/repository/models/m${number}/load`, {
    parameters: { config: '{"backend":"onnxruntime"}', 'file:1/model.onnx': Buffer.from(bytes).toString('base64') },
  })
  if (!loaded.ok) return refusal(loaded, [400])
  const metadata = (await (await app.fetch(`/v2/models/m${number}`)).json()) as { inputs: readonly TensorSpec[] }
  const inputs = feedsFor(metadata.inputs)
  const answer = await app.post(`/v2/models/m${number}/infer`, { inputs: inputs ?? [] })
  const reason = answer.ok ? '' : await refusal(answer, [400, 413, 500, 502, 503, 504])
  if (answer.ok) expect(await answer.text()).toMatch(/^\{.*"outputs":\[/)
  expect((await app.post(`/v2/repository/models/m${number}/unload`)).status).toBe(200)
  return reason
}

const refusal = async (response: Response, expected: readonly number[]): Promise<string> => {
  expect(expected).toContain(response.status)
  expect(response.headers.get('slipway-error')).not.toBeNull()
  const { error } = (await response.json()) as { error: string }
  expect(error).not.toBe('')
  return error
}
