import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import type { GraphEntry } from './graph-folder.ts'
import { GraphFolder } from './graph-folder.ts'

let root: string
let clock: VirtualClock

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slipway-graphs-'))
  clock = new VirtualClock()
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const open = async (bytesMax = 1000): Promise<GraphFolder> => {
  const folder = new GraphFolder({ folder: root, bytesMax, clock })
  await folder.open()
  return folder
}

const key = (letter: string): string => letter.repeat(64)

const keep = async (folder: GraphFolder, letter: string, bytes: number): Promise<boolean> => {
  await clock.advance(1000)
  const file = await folder.newFile()
  writeFileSync(file.path, letter.repeat(bytes))
  const kept = await folder.keep(key(letter), 7, file.path)
  await file.discard()
  return kept
}

const damages: string[] = []
const find = (folder: GraphFolder, letter: string): Promise<GraphEntry | 'none' | undefined> =>
  folder.find(key(letter), (reason) => damages.push(reason))

/** First letters of the entries' names. */
const kept = (): string[] =>
  readdirSync(root)
    .map((name) => name.slice(0, 1))
    .toSorted()

describe('the folder of graphs', () => {
  it('gives back what was kept, also to another server', async () => {
    const folder = await open()
    expect(await keep(folder, 'a', 10)).toBe(true)
    const other = await open()
    const entry = await find(other, 'a')
    expect(entry).toEqual({ path: expect.stringMatching(/-10-[0-9a-f]{8}\.onnx$/) as string })
    expect(await find(other, 'b')).toBeUndefined()
    expect([await other.hasGraphOf(7), await other.hasGraphOf(10)]).toEqual([true, false])
    expect(kept()).toEqual(['a'])
  })

  it('keeps the bound, and gives up the least recently used first', async () => {
    const folder = await open(100)
    for (const letter of ['a', 'b', 'c']) await keep(folder, letter, 30)
    await clock.advance(1000)
    await find(folder, 'a')
    await keep(folder, 'd', 30)
    expect(kept()).toEqual(['a', 'c', 'd'])
    await keep(folder, 'e', 90)
    expect(kept()).toEqual(['e'])
    expect(await keep(folder, 'f', 101)).toBe(false)
    expect(kept()).toEqual(['e'])
    await open(50)
    expect(kept()).toEqual([])
  })

  it('bounds the files without bytes as well', async () => {
    const folder = await open()
    for (let at = 0; at < 4200; at++) writeFileSync(join(root, `${at.toString(16).padStart(64, '0')}.none`), '')
    await folder.keepNone(key('a'))
    expect(readdirSync(root)).toHaveLength(4096)
  })

  it('remembers what gains nothing, and digests', async () => {
    const folder = await open()
    await folder.keepNone(key('a'))
    await folder.keepDigest('a mark', key('b'))
    const other = await open()
    expect(await find(other, 'a')).toBe('none')
    expect(await other.findDigest('a mark')).toBe(key('b'))
    expect(await other.findDigest('another mark')).toBeUndefined()
  })

  it.each<[string, (path: string) => void]>([
    ['shorter', (path) => writeFileSync(path, 'a')],
    ['other bytes', (path) => writeFileSync(path, 'b'.repeat(10))],
    ['a folder', (path) => (rmSync(path), mkdirSync(path))],
  ])('removes an entry that is damaged: %s', async (_, damage) => {
    const folder = await open()
    await keep(folder, 'a', 10)
    const entry = await find(folder, 'a')
    damage((entry as GraphEntry).path)
    damages.length = 0
    expect(await find(folder, 'a')).toBeUndefined()
    expect(damages).toEqual(['its bytes are not those that were written'])
    expect(kept()).toEqual([])
  })

  it('removes what dead writers left, and nothing of living ones or of others', async () => {
    const folder = await open()
    const own = await folder.newFile()
    writeFileSync(own.path, 'half')
    mkdirSync(join(root, 'write-4194999-1-abc'))
    writeFileSync(join(root, 'write-4194999-1-abc', 'graph.onnx'), 'half')
    writeFileSync(join(root, 'notes.txt'), 'of somebody else')
    await open()
    expect(existsSync(own.path)).toBe(true)
    expect(existsSync(join(root, 'write-4194999-1-abc'))).toBe(false)
    expect(existsSync(join(root, 'notes.txt'))).toBe(true)
    await own.discard()
    expect(readdirSync(root)).toEqual(['notes.txt'])
  })

  it('two writers of one key both succeed', async () => {
    const [one, other] = [await open(), await open()]
    const [first, second] = [await one.newFile(), await other.newFile()]
    for (const { path } of [first, second]) writeFileSync(path, 'a'.repeat(10))
    const both = Promise.all([one.keep(key('a'), 7, first.path), other.keep(key('a'), 7, second.path)])
    expect(await both).toEqual([true, true])
    expect(await find(one, 'a')).toMatchObject({ path: expect.any(String) as string })
  })

  it("can't be opened where a file is in its place", async () => {
    rmSync(root, { recursive: true })
    writeFileSync(root, '')
    await expect(open()).rejects.toThrow(/EEXIST|ENOTDIR/)
  })
})
