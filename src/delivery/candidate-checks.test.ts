import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../lib/index.ts'
import type { ServedVersion } from '../serving/index.ts'
import { VirtualClock } from '../testing/index.ts'
import { CandidateChecks } from './candidate-checks.ts'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'slipway-checks-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const x = { name: 'x', datatype: 'FP32', shape: [1], data: [1] }
const signature = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1] }], outputs: [] }

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

const check = (text: string, told: () => void = () => undefined): Promise<void> => {
  writeFileSync(join(folder, 'golden.json'), text)
  const checks = new CandidateChecks({
    clock: new VirtualClock(),
    logger: silentLogger,
    signature: 'off',
    timeoutMs: 1000,
    readExample: () => Promise.resolve(undefined),
  })
  return checks.require({ endpoint: 'e', folder, version: echo(told), incumbent: undefined })
}

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
