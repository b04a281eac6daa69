import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readMlmodel } from './mlmodel.ts'

const read = async (text: string): ReturnType<typeof readMlmodel> => {
  const folder = await mkdtemp(join(tmpdir(), 'mlmodel-'))
  try {
    await writeFile(join(folder, 'MLmodel'), text)
    return await readMlmodel(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

describe('an MLmodel', () => {
  it('is read with a signature of many columns', async () => {
    const columns = JSON.stringify(JSON.stringify(Array.from({ length: 20_000 }, (_, i) => ({ name: `c${i}` }))))
    const text = `flavors:\n  python_function:\n    loader_module: mlflow.sklearn\nsignature:\n  inputs: ${columns}\n`
    expect(await read(text)).toMatchObject({ loader: 'mlflow.sklearn' })
  })

  it.each([
    ['brackets', '['.repeat(1_000_000)],
    ['braces', '{a: '.repeat(1_000_000)],
    ['lists on a line', '- '.repeat(1_000_000)],
    ['a long list', '- a\n'.repeat(1_000_000)],
    ['many keys', Array.from({ length: 200_000 }, (_, i) => `k${i}: 1\n`).join('')],
    ['indents', Array.from({ length: 2800 }, (_, i) => `${' '.repeat(i)}a:\n`).join('')],
  ])('that would take the parser long is not read: %s', async (_, text) => {
    const startedAt = performance.now()
    expect(await read(text)).toBeUndefined()
    expect(performance.now() - startedAt).toBeLessThan(2000)
  })
})
