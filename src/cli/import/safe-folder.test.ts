import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SafeFolder } from './safe-folder.ts'

let root: string
let folder: SafeFolder
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'slipway-safe-'))
  const inside = join(root, 'in')
  mkdirSync(join(inside, 'sub/deep'), { recursive: true })
  mkdirSync(join(root, 'in-beside'))
  writeFileSync(join(root, 'secret'), 'secret')
  writeFileSync(join(root, 'in-beside/secret'), 'secret')
  writeFileSync(join(inside, 'a.txt'), 'a')
  writeFileSync(join(inside, 'sub/deep/b.txt'), 'b')
  writeFileSync(join(inside, 'latin'), Buffer.from([0x61, 0xff]))
  symlinkSync('../secret', join(inside, 'out'))
  symlinkSync(join(root, 'in-beside'), join(inside, 'beside'))
  symlinkSync('a.txt', join(inside, 'same'))
  symlinkSync('sub', join(inside, 'to-folder'))
  symlinkSync('loop', join(inside, 'loop'))
  symlinkSync('nothing', join(inside, 'dangling'))
  execFileSync('mkfifo', [join(inside, 'pipe')])
  folder = new SafeFolder(inside)
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

describe('a folder that others filled', () => {
  it('shows its files and refuses what leads out, is no file, or goes round', async () => {
    const refused: Record<string, string> = {}
    const files = await Array.fromAsync(folder.files('', (path, reason) => (refused[path.replace(/^\//, '')] = reason)))
    expect(files.sort()).toEqual(['a.txt', 'latin', 'same', 'sub/deep/b.txt'])
    expect(refused).toEqual({
      out: 'it is a link that leads out of the imported folder',
      beside: 'it is a link that leads out of the imported folder',
      'to-folder': 'it is a link to a folder',
      loop: 'it is a link to itself',
      dangling: 'it is a link to nothing',
      pipe: 'it is no file',
    })
  })

  it('reads text within bounds, and nothing outside', async () => {
    expect(await folder.text('same', 10)).toBe('a')
    await expect(folder.text('a.txt', 0)).rejects.toThrow('1 bytes; 0 are read')
    await expect(folder.text('latin', 10)).rejects.toThrow('no UTF-8')
    await expect(folder.text('nothing', 10)).rejects.toThrow('missing')
    await expect(folder.text('sub', 10)).rejects.toThrow('no file')
    await expect(folder.text('pipe', 10)).rejects.toThrow('no file')
    for (const path of ['out', 'beside/secret', '../secret', 'sub/../../secret'])
      await expect(folder.text(path, 10)).rejects.toThrow('leads out')
  })

  it('knows which absolute paths are below it', () => {
    expect(folder.within(join(root, 'in/sub/x'))).toBe('sub/x')
    expect(folder.within(join(root, 'in'))).toBe('')
    expect(folder.within(join(root, 'in-beside/secret'))).toBeUndefined()
    expect(folder.within(`${join(root, 'in')}/../secret`)).toBeUndefined()
    expect(folder.within('/etc/passwd')).toBeUndefined()
  })
})
