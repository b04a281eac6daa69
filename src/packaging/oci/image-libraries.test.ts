import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ImageLibraries } from './image-libraries.ts'
import type { LinkedLibrary } from './linked-libraries.ts'

let root: string
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'slipway-libraries-')))
})
afterEach(() => rmSync(root, { recursive: true }))

const library = (path: string): LinkedLibrary & { readonly path: string } => {
  const whole = join(root, path)
  mkdirSync(dirname(whole), { recursive: true })
  writeFileSync(whole, path)
  return { name: path.split('/').at(-1) ?? '', path: whole, binary: '/some/binary.so' }
}
const libc = { path: 'lib/x86/libc.so.6', source: '/lib/x86/libc.so.6' }

const added = async (
  libraries: ImageLibraries,
  ...linked: readonly LinkedLibrary[]
): Promise<Record<string, string>> => {
  const entries = await libraries.add(linked, { from: join(root, 'prefix'), to: 'usr/local' })
  return Object.fromEntries(
    entries.flatMap((entry) =>
      entry.kind === 'folder' ? [] : [[entry.path, entry.kind === 'link' ? entry.target : 'file']],
    ),
  )
}

describe('the libraries of an image', () => {
  it('of an interpreter stay at their place in it, and are found beside those of the system', async () => {
    const libraries = new ImageLibraries([libc])
    const own = library('prefix/lib/libpython3.so')
    expect(await added(libraries, own, { name: 'libnone.so', path: undefined, binary: '' })).toEqual({
      'usr/local/lib/libpython3.so': 'file',
      'lib/x86/libpython3.so': '/usr/local/lib/libpython3.so',
    })
    expect([libraries.has('libpython3.so'), libraries.has('libnone.so')]).toEqual([true, false])
    expect(await added(libraries, own)).toEqual({})
  })

  it('of other places go beside those of the system, which are looked through without a list of names', async () => {
    const libraries = new ImageLibraries([libc])
    const first = library('opt/lib/liba.so')
    expect(await added(libraries, first)).toEqual({ 'lib/x86/liba.so': 'file' })
    expect(await added(libraries, first)).toEqual({})
    const other = library('opt/other/liba.so')
    await expect(added(libraries, other)).rejects.toThrow(
      `/some/binary.so needs ${other.path}, and an image that has ${first.path} can't have both as liba.so`,
    )
  })
})
