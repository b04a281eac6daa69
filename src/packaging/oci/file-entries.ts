import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { GatheredFile } from '../gather-files.ts'
import type { TarEntry } from './tar.ts'

/** Entries of files below a folder of an archive, in order, with every folder that they are in. */
export const fileEntries = async (files: readonly GatheredFile[], below: string): Promise<TarEntry[]> => {
  const entries = new Map<string, TarEntry>()
  for (const { path, source } of files) {
    const at = below === '' ? path : `${below}/${path}`
    const { size, mode } = await stat(source)
    const executable = (mode & 0o111) !== 0
    entries.set(at, {
      kind: 'file',
      path: at,
      bytes: size,
      mode: executable ? 0o755 : 0o644,
      content: () => createReadStream(source),
    })
  }
  return withFolders([...entries.values()])
}

/** Adds the folders that entries lie in, and puts all in an order that doesn't depend on the machine. */
export const withFolders = (entries: readonly TarEntry[]): TarEntry[] => {
  const all = new Map<string, TarEntry>()
  for (const entry of entries) {
    all.set(entry.path, entry)
    for (let at = entry.path.lastIndexOf('/'); at > 0; at = entry.path.lastIndexOf('/', at - 1)) {
      const path = entry.path.slice(0, at)
      if (!all.has(path)) all.set(path, { kind: 'folder', path })
    }
  }
  return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

export const textEntry = (path: string, text: string, mode = 0o644): TarEntry => {
  const bytes = Buffer.from(text)
  return {
    kind: 'file',
    path,
    mode,
    bytes: bytes.length,
    async *content() {
      yield bytes
    },
  }
}
