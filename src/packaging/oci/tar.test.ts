import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterAll, describe, expect, it } from 'vitest'
import { textEntry } from './file-entries.ts'
import type { TarEntry } from './tar.ts'
import { tar } from './tar.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-tar-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('an archive', () => {
  it('is what tar unpacks, with names of any length', async () => {
    const deep = Array.from({ length: 12 }, (_, index) => `folder-number-${index}`).join('/')
    const long = `${'n'.repeat(200)}.txt`
    const entries: TarEntry[] = [
      { kind: 'folder', path: 'empty', mode: 0o1777 },
      textEntry('run.sh', 'echo\n', 0o755),
      textEntry(`${deep}/file.txt`, 'deep'),
      textEntry(long, 'x'.repeat(513)),
      textEntry('grüß.txt', 'ø'),
      { kind: 'link', path: 'link', target: long },
    ]
    writeFileSync(join(folder, 'a.tar'), await buffer(tar(entries)))
    execFileSync('tar', ['-xpf', join(folder, 'a.tar'), '-C', folder])
    expect(statSync(join(folder, 'empty')).mode & 0o7777).toBe(0o1777)
    expect(statSync(join(folder, 'run.sh')).mode & 0o777).toBe(0o755)
    expect(readFileSync(join(folder, deep, 'file.txt'), 'utf8')).toBe('deep')
    expect(readFileSync(join(folder, long), 'utf8')).toBe('x'.repeat(513))
    expect(readFileSync(join(folder, 'grüß.txt'), 'utf8')).toBe('ø')
    expect(readlinkSync(join(folder, 'link'))).toBe(long)
    expect(statSync(join(folder, 'run.sh')).mtimeMs).toBe(0)
  })

  it('is not made of a file that changes under it', async () => {
    const entry = { ...textEntry('a', 'abc'), bytes: 2 } as TarEntry
    await expect(buffer(tar([entry]))).rejects.toThrow('a changed while it was read')
  })
})
