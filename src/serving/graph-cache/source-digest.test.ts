import { createHash } from 'node:crypto'
import { appendFileSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { SourceFile } from './source-digest.ts'
import { readSource } from './source-digest.ts'

const bytesMax = 4 * 1024 ** 2

const setUp = (bytes: number) => {
  const path = join(mkdtempSync(join(tmpdir(), 'slipway-source-')), 'model.onnx')
  const content = Buffer.alloc(bytes, 'slipway')
  writeFileSync(path, content)
  const kept = new Map<string, string>()
  const known = {
    find: (mark: string) => Promise.resolve(kept.get(mark)),
    keep: (mark: string, sha256: string) => Promise.resolve(void kept.set(mark, sha256)),
  }
  const read = (afterMs: number): Promise<SourceFile | undefined> =>
    readSource(path, { bytesMin: 10, bytesMax, wallMs: statSync(path).ctimeMs + afterMs, known })
  return { path, kept, read, sha256: createHash('sha256').update(content).digest('hex') }
}

describe("a file's digest", () => {
  it.each([10, 512 * 1024, bytesMax])('is that of all its bytes: %d', async (bytes) => {
    const { read, sha256 } = setUp(bytes)
    expect(await read(0)).toMatchObject({ sha256, bytes })
  })

  it('is not taken of a file outside the bounds, of a folder, or of none', async () => {
    expect(await setUp(9).read(0)).toBeUndefined()
    expect(await setUp(bytesMax + 1).read(0)).toBeUndefined()
    const { path, read } = setUp(10)
    const options = { bytesMin: 0, bytesMax, wallMs: 0 }
    expect(await readSource(tmpdir(), { ...options, bytesMin: 1 })).toBeUndefined()
    rmSync(path)
    expect(await readSource(path, options)).toBeUndefined()
    writeFileSync(path, 'x'.repeat(10))
    expect(await read(0)).toBeDefined()
  })

  it('is remembered for a file that was left alone for some time, and only as long as it is', async () => {
    const { path, kept, read, sha256 } = setUp(20)
    await read(1000)
    expect(kept.size).toBe(0)
    const first = await read(3000)
    expect([...kept]).toEqual([[first?.mark, sha256]])
    kept.set(first?.mark ?? '', 'remembered')
    expect((await read(3000))?.sha256).toBe('remembered')
    const { atime, mtime } = statSync(path)
    appendFileSync(path, 'more')
    expect((await read(3000))?.sha256).not.toBe('remembered')
    writeFileSync(path, Buffer.alloc(20, 'other'))
    // A time that somebody sets is not the time of the change.
    utimesSync(path, atime, mtime)
    expect((await read(3000))?.sha256).not.toBe('remembered')
  })
})
