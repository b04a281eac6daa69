import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { untar } from './untar.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-untar-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size))
}
const read = async (bytes: Uint8Array, size = 1000): Promise<Record<string, string>> => {
  const files: Record<string, string> = {}
  for await (const file of untar(pieces(bytes, size))) {
    const content: Uint8Array[] = []
    for await (const piece of file.content()) content.push(piece)
    files[file.path] = Buffer.concat(content).toString()
  }
  return files
}
const write = (files: Readonly<Record<string, string>>): void => {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}
const archive = (...options: string[]): Buffer => execFileSync('tar', [...options, '-C', folder, '-c', '-f', '-', '.'])

/** An archive of one empty entry. */
const entry = (name: string, flag = '0', size = 0): Buffer => {
  const block = Buffer.alloc(512)
  block.write(name)
  block.write('0000644\0', 100)
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124)
  block.write(flag, 156)
  block.write('ustar\x0000', 257)
  block.fill(' ', 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return Buffer.concat([block, Buffer.alloc(1024)])
}

describe('an archive', () => {
  it.each(['ustar', 'gnu', 'posix'])('gives its files, in any pieces: %s', async (format) => {
    const long = `${'deep/'.repeat(10)}${'n'.repeat(90)}/${'é'.repeat(10)}.txt`
    const files = { MLmodel: 'flavors: {}', 'code/rates.py': 'x'.repeat(3000), empty: '', [long]: 'far' }
    write(files)
    const bytes = archive(`--format=${format}`)
    expect(await read(bytes)).toEqual(files)
    expect(await read(bytes, 7)).toEqual(files)
  })

  it('passes over what is not read', async () => {
    write({ a: 'a'.repeat(5000), b: 'b' })
    const paths: string[] = []
    for await (const file of untar(pieces(archive('--format=ustar', '--sort=name'), 100))) paths.push(file.path)
    expect(paths).toEqual(['a', 'b'])
  })

  it.each<[string, Uint8Array, RegExp]>([
    ['a way out', entry('../evil'), /is not a path below its folder/],
    ['a way out within', entry('a/../../evil'), /is not a path below its folder/],
    ['a whole path', entry('/etc/evil'), /is not a path below its folder/],
    ['no name', entry(''), /is not a path below its folder/],
    ['a path of Windows', entry('a\\..\\evil'), /is not a path below its folder/],
    ['a link', entry('link', '2'), /neither a file nor a folder/],
    ['a hard link', entry('link', '1'), /neither a file nor a folder/],
    ['a device', entry('device', '3'), /neither a file nor a folder/],
    ['a name without end', entry('name', 'x', 10_000_000), /name in the archive is too long/],
    ['less than it says', entry('name', '0', 10_000), /cut off/],
    ['nothing', Buffer.alloc(0), /cut off/],
    ['something else', Buffer.from('{"a": 1}'.repeat(100)), /not an archive/],
  ])('is refused with %s', async (_, bytes, reason) => {
    await expect(read(bytes)).rejects.toThrow(reason)
  })

  it('is refused with links, as tar writes them', async () => {
    symlinkSync('/etc/passwd', join(folder, 'link'))
    await expect(read(archive())).rejects.toThrow(/neither a file nor a folder/)
  })

  it('may have a long name that is mostly NULs: it ends at the first', async () => {
    const name = Buffer.concat([Buffer.from('a.txt'), Buffer.alloc(65_000), Buffer.from('x')])
    const long = Buffer.concat([entry('././@LongLink', 'L', name.length).subarray(0, 512), name])
    const bytes = Buffer.concat([long, Buffer.alloc(512 - (name.length % 512)), entry('b.txt')])
    const startedMs = performance.now()
    expect(await read(bytes, 10_000)).toEqual({ 'a.txt': '' })
    expect(performance.now() - startedMs).toBeLessThan(1000)
  })

  it('is refused when it has too many files', async () => {
    const one = entry('name').subarray(0, 512)
    const many = Buffer.concat(Array.from({ length: 30_001 }, () => one))
    await expect(read(many, 65_536)).rejects.toThrow(/more than 10000 files/)
  })
})
