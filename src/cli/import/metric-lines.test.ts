import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { linesOf, readMetricLine } from './metric-lines.ts'

let root: string
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'slipway-lines-'))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const readAll = async (content: string): Promise<unknown[]> => {
  const path = join(root, 'metric')
  writeFileSync(path, content)
  await using handle = await open(path)
  return await Array.fromAsync(linesOf(handle), readMetricLine)
}

describe('a file of metrics', () => {
  it('holds times, numbers as Python writes them, and steps', async () => {
    expect(await readAll('1 0.5 3\n2 nan -4\n3 inf 0\n4 -inf\n5 1e-05 7 train d1g3\n')).toEqual([
      { timestamp: 1, value: 0.5, step: 3, more: [] },
      { timestamp: 2, value: NaN, step: -4, more: [] },
      { timestamp: 3, value: Infinity, step: 0, more: [] },
      { timestamp: 4, value: -Infinity, step: 0, more: [] },
      { timestamp: 5, value: 0.00001, step: 7, more: ['train', 'd1g3'] },
    ])
  })

  it('tells of each line that cannot be read, by its number', async () => {
    expect(await readAll('1 0.5 3\nx\n2 abc 1\n3 0x10 1\n4 1 2.5\n5 1 9')).toEqual([
      { timestamp: 1, value: 0.5, step: 3, more: [] },
      "line 2: 'time' is no whole number: 'x'",
      "line 3: 'abc' is no number",
      "line 4: '0x10' is no number",
      "line 5: 'step' is no whole number: '2.5'",
      'line 6: it was not written to its end',
    ])
  })

  it('is read piece by piece, across characters and lines', async () => {
    const lines = Array.from({ length: 50_000 }, (_, step) => `1790000000000 0.${step} ${step}`)
    const read = await readAll(`${lines.join('\n')}\n`)
    expect(read).toHaveLength(50_000)
    expect(read.at(-1)).toMatchObject({ step: 49_999, value: 0.49999 })
    await expect(readAll('9'.repeat(200_000))).rejects.toThrow('line 1 has more than 10000 characters')
  })
})
