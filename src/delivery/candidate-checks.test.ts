import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../lib/index.ts'
import type { ServedVersion } from '../serving/index.ts'
import { encodeStrings } from '../tensor/index.ts'
import type { Signature, Tensor } from '../tensor/index.ts'
import { VirtualClock } from '../testing/index.ts'
import { CandidateChecks } from './candidate-checks.ts'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'slipway-checks-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const x = { name: 'x', datatype: 'FP32', shape: [1], data: [1] }
const signature: Signature = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1] }], outputs: [] }

/** A version that gives its inputs back, without ever waiting. */
const echo = (told: () => void): ServedVersion =>
  ({
    model: 'm',
    version: 2,
    facts: { signature },
    infer: ({ inputs }: { inputs: readonly unknown[] }) => {
      told()
      return Promise.resolve({ outputs: inputs })
    },
  }) as unknown as ServedVersion

const golden = (text: string): void => writeFileSync(join(folder, 'golden.json'), text)

const check = async (text: string, told: () => void = () => undefined): Promise<void> => {
  golden(text)
  await checks().require({ endpoint: 'e', folder, version: echo(told), incumbent: undefined }, unending)
}

const unending = new AbortController().signal

const checks = (example?: readonly Tensor[], told: string[] = []): CandidateChecks =>
  new CandidateChecks({
    clock: new VirtualClock(),
    logger: {
      ...silentLogger,
      info: (event, { reason } = {}) => void told.push(`${event}: ${String(reason)}`),
      warn: (event, { reason } = {}) => void told.push(`${event}: ${String(reason)}`),
    },
    signature: 'enforce',
    timeoutMs: 1000,
    readExample: () => Promise.resolve(example),
  })

describe('golden cases of a candidate', () => {
  it('leave the thread to others between one and the next', async () => {
    let turns = 0
    let counting = true
    const count = (): void => {
      turns++
      if (counting) setImmediate(count)
    }
    const seen: number[] = []
    setImmediate(count)
    await check(JSON.stringify({ cases: Array(20).fill({ inputs: [x], outputs: [x] }) }), () => seen.push(turns))
    counting = false
    expect(seen).toHaveLength(20)
    expect(new Set(seen).size).toBe(20)
  })

  it('are refused beyond 1 MiB, and with what is wrong with one', async () => {
    const cases = { cases: [{ inputs: [x], outputs: [x] }] }
    await check(JSON.stringify(cases).padEnd(1024 ** 2))
    await expect(check(JSON.stringify(cases).padEnd(1024 ** 2 + 1))).rejects.toMatchObject({
      code: 'candidate_failed',
      message: /golden.json has 1048577 bytes; 1048576 are read/,
    })
    const wrong = { cases: [...cases.cases, { inputs: [x], outputs: [{ ...x, shape: [2] }] }] }
    await expect(check(JSON.stringify(wrong))).rejects.toMatchObject({
      code: 'candidate_failed',
      message: /case 1, outputs: 'x'/,
    })
  })
})

describe('the checks of a candidate', () => {
  const candidate = { endpoint: 'e', version: echo(() => undefined), incumbent: { version: 1, signature } }
  const one = { inputs: [x], outputs: [x] }
  const example: readonly Tensor[] = [{ name: 'x', datatype: 'FP32', shape: [1], data: new Uint8Array(4) }]

  it('say which there were, and tell of a version that is known only to load', async () => {
    const told: string[] = []
    const passed = (given?: readonly Tensor[]) => checks(given, told).require({ ...candidate, folder }, unending)
    expect(await passed(example)).toEqual(['load', 'signature', 'input_example'])
    expect(told).toEqual([])
    expect(await passed()).toEqual(['load', 'signature'])
    expect(told).toEqual(['endpoint.no_example: no input example: checked only that it loads'])
    golden(JSON.stringify({ cases: [one] }))
    expect(await passed(example)).toEqual(['load', 'signature', 'input_example', 'golden_cases'])
    expect(await passed()).toEqual(['load', 'signature', 'golden_cases'])
    expect(told).toHaveLength(2)
    expect(told[1]).toContain('with its golden cases alone')
  })

  it('refuse what is not a number within the JSON of an answer, and tell of what is infinite', async () => {
    const told: string[] = []
    const answering = (text: string): ServedVersion =>
      ({
        model: 'm',
        version: 2,
        facts: { signature },
        infer: () => {
          const json: Tensor = { name: 'j', datatype: 'BYTES', shape: [1], data: encodeStrings([text]) }
          return Promise.resolve({ outputs: [], predictions: { form: 'json', names: [], json } })
        },
      }) as unknown as ServedVersion
    const passed = (text: string) =>
      checks(example, told).require({ ...candidate, folder, version: answering(text) }, unending)
    await expect(passed('{"score": NaN}')).rejects.toMatchObject({
      code: 'candidate_failed',
      message: /on its input example, its answer is not a number \(NaN\) in \{"score": NaN/,
    })
    expect(await passed('{"score": "NaN"}')).toContain('input_example')
    expect(told).toEqual([])
    expect(await passed('{"score": Infinity}')).toContain('input_example')
    expect(told).toEqual(['endpoint.infinite: its answer is infinite in {"score": Infinity'])
  })

  it('end when they are called off, while the candidate is still busy with one', async () => {
    golden(JSON.stringify({ cases: [one] }))
    const asked = Promise.withResolvers<void>()
    const busy = {
      model: 'm',
      version: 2,
      facts: { signature },
      infer: () => (asked.resolve(), new Promise(() => undefined)),
    }
    const calledOff = new AbortController()
    const checked = checks().require(
      { ...candidate, folder, version: busy as unknown as ServedVersion },
      calledOff.signal,
    )
    await asked.promise
    calledOff.abort(new Error('nobody waits'))
    await expect(checked).rejects.toThrow('nobody waits')
  })
})
