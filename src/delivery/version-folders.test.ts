import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { BlobStore } from '../ports/index.ts'
import { fail } from '../protocol/index.ts'
import type { ModelFile } from '../registry/index.ts'
import { VersionFolders } from './version-folders.ts'

const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex')

/** Files of one version over blobs in memory, which a test may damage. */
const open = (contents: Readonly<Record<string, string>>) => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-folders-'))
  const blobs = new Map(Object.values(contents).map((content) => [sha256(content), content]))
  let files: ModelFile[] = Object.entries(contents)
    .map(([path, content]) => ({ path, digest: sha256(content), bytes: content.length }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
  const sealed = sha256(files.map(({ path, digest }) => `${path}\0${digest}\n`).join(''))
  let isAway = false
  const reads: string[] = []
  const folders = new VersionFolders({
    root: join(root, 'served'),
    shared: false,
    blobs: {
      async *read(digest: string) {
        reads.push(digest)
        yield await Promise.resolve(Buffer.from(blobs.get(digest) ?? ''))
      },
    } as unknown as BlobStore,
    listFiles: (_, { after = '', limit }) =>
      isAway
        ? Promise.reject(fail('database_unavailable', { reason: 'a test' }))
        : Promise.resolve(files.filter(({ path }) => path > after).slice(0, limit)),
  })
  return {
    folders,
    root,
    blobs,
    reads,
    served: { version: 1, folder: '0/m', digest: sealed },
    list: (changed: ModelFile[]) => (files = changed),
    away: () => (isAway = true),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  }
}

describe('the folder of a version', () => {
  it('has its files, is made once for all who ask at a time, and is used again', async () => {
    using test = open({ MLmodel: 'flavors', 'data/model.onnx': 'weights' })
    const [place, same] = await Promise.all([test.folders.require(test.served), test.folders.require(test.served)])
    expect(same).toBe(place)
    expect(readFileSync(join(place, 'data/model.onnx'), 'utf8')).toBe('weights')
    expect(test.reads).toHaveLength(2)
    expect(await test.folders.require(test.served)).toBe(place)
    expect(test.reads).toHaveLength(2)
  })

  it.skipIf(process.platform === 'win32')('is made anew when somebody put a pipe in the place of a file', async () => {
    using test = open({ MLmodel: 'flavors' })
    const place = await test.folders.require(test.served)
    rmSync(join(place, 'MLmodel'))
    execFileSync('mkfifo', [join(place, 'MLmodel')])
    expect(await test.folders.require(test.served)).toBe(place)
    expect(readFileSync(join(place, 'MLmodel'), 'utf8')).toBe('flavors')
  })

  it('is made anew when somebody changed, added or took away a file', async () => {
    using test = open({ 'a.txt': 'a', 'b.txt': 'b' })
    const place = await test.folders.require(test.served)
    const damages = [
      () => writeFileSync(join(place, 'a.txt'), 'z'),
      () => writeFileSync(join(place, 'c.txt'), 'c'),
      () => rmSync(join(place, 'b.txt')),
    ]
    for (const damage of damages) {
      damage()
      expect(readdirSync(await test.folders.require(test.served)).toSorted()).toEqual(['a.txt', 'b.txt'])
      expect(readFileSync(join(place, 'a.txt'), 'utf8')).toBe('a')
    }
  })

  it('is refused when the stored bytes, or the list of files, are not what was sealed', async () => {
    using test = open({ 'a.txt': 'a' })
    test.blobs.set(sha256('a'), 'tampered')
    await expect(test.folders.require(test.served)).rejects.toMatchObject({ code: 'not_servable' })
    expect(readdirSync(join(test.root, 'served'))).toEqual([])
    test.blobs.set(sha256('a'), 'a')
    test.list([{ path: 'a.txt', digest: sha256('b'), bytes: 1 }])
    await expect(test.folders.require(test.served)).rejects.toThrow('not those that were registered')
  })

  it('never reaches outside, whatever the list says', async () => {
    using test = open({ '../../escaped.txt': 'a' })
    await expect(test.folders.require(test.served)).rejects.toMatchObject({ code: 'invalid_path' })
    expect(readdirSync(test.root)).toEqual(['served'])
  })

  it('is found without the registry once it was made, and only then', async () => {
    using test = open({ 'a.txt': 'a' })
    const place = await test.folders.require(test.served)
    test.away()
    expect(await test.folders.require(test.served)).toBe(place)
    await expect(test.folders.require({ ...test.served, digest: 'f'.repeat(64) })).rejects.toMatchObject({
      code: 'database_unavailable',
    })
    // The list on disk is believed only as far as its digest goes.
    writeFileSync(`${place}.json`, JSON.stringify([{ path: 'b.txt', digest: sha256('b'), bytes: 1 }]))
    await expect(test.folders.require(test.served)).rejects.toMatchObject({ code: 'not_servable' })
  })

  it('goes when nothing needs it, with what a crash left half-made', async () => {
    using test = open({ 'a.txt': 'a' })
    await test.folders.require(test.served)
    mkdirSync(join(test.root, 'served', `${test.served.digest}.half-made`))
    await test.folders.tidy(() => new Set([test.served.digest]))
    expect(readdirSync(join(test.root, 'served')).toSorted()).toEqual([
      test.served.digest,
      `${test.served.digest}.json`,
    ])
    await test.folders.tidy(() => new Set())
    expect(readdirSync(join(test.root, 'served'))).toEqual([])
  })

  it('is made anew when it is asked for while it goes', async () => {
    using test = open({ 'large.bin': 'x'.repeat(4 * 1024 ** 2) })
    const place = await test.folders.require(test.served)
    for (let round = 0; round < 10; round++) {
      const gone = test.folders.tidy(() => new Set())
      for (let turn = 0; turn < round; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
      const again = test.folders.require(test.served)
      await gone
      expect(await again).toBe(place)
      expect(readdirSync(place)).toEqual(['large.bin'])
    }
  })

  it('is not made of more files than a version may have', async () => {
    using test = open({ 'a.txt': 'a' })
    const many = Array.from({ length: 100_001 }, (_, at) => String(at).padStart(6, '0'))
    test.list(many.map((path) => ({ path, digest: sha256('a'), bytes: 1 })))
    await expect(test.folders.require(test.served)).rejects.toThrow('more than 100000 files')
    expect(readdirSync(test.root)).toEqual([])
  })
})
