import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { SourceFile } from './source-file.ts'
import { digestOf, lookAt } from './source-file.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-source-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const folder = (): string => mkdtempSync(join(root, 'model-'))

const setUp = async (bytes: number): Promise<{ path: string; content: Buffer; source: SourceFile }> => {
  const path = join(folder(), 'model.onnx')
  const content = Buffer.alloc(bytes, 'slipway')
  writeFileSync(path, content)
  const source = await lookAt(path)
  if (source === undefined) throw new Error('there is no file')
  return { path, content, source }
}

describe("a model's file", () => {
  it.each([0, 10, 512 * 1024, 1_300_000])('has the digest of all its bytes: %d', async (bytes) => {
    const { path, content, source } = await setUp(bytes)
    expect(source).toMatchObject({ bytes, changedMs: Math.floor(statSync(path).ctimeMs) })
    expect(await digestOf(path, source)).toBe(createHash('sha256').update(content).digest('hex'))
  })

  it('is another one after a change, whatever time somebody gives it', async () => {
    const { path, source } = await setUp(20)
    const { atime, mtime } = statSync(path)
    writeFileSync(path, Buffer.alloc(20, 'other'))
    utimesSync(path, atime, mtime)
    expect((await lookAt(path))?.mark).not.toBe(source.mark)
    expect(await digestOf(path, source)).toBeUndefined()
  })

  it('is none where there is a folder, or nothing', async () => {
    expect(await lookAt(tmpdir())).toBeUndefined()
    expect(await lookAt(join(tmpdir(), 'nothing', 'here'))).toBeUndefined()
  })
})
