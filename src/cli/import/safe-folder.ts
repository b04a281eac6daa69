import { constants, realpathSync, statSync } from 'node:fs'
import type { Dirent } from 'node:fs'
import { open, opendir, realpath, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { Refusal } from '../command.ts'
import { Unusable } from './read-yaml.ts'

export interface FolderEntry {
  readonly name: string
  readonly kind: 'file' | 'folder'
}

/** Folders within folders are followed this far. */
const depthMax = 50

/**
 * A folder that others filled. Nothing outside is read: links that lead out are refused, as are devices and pipes.
 * Paths are relative, with `/`, and '' is the folder itself.
 */
export class SafeFolder {
  /** As it was given, for URIs that name it. */
  readonly given: string
  readonly #root: string

  constructor(path: string) {
    this.given = path.length > 1 && path.endsWith(sep) ? path.slice(0, -1) : path
    try {
      this.#root = realpathSync(path)
      if (!statSync(this.#root).isDirectory()) throw new Refusal(`'${path}' is no folder`)
    } catch (error) {
      if (error instanceof Refusal) throw error
      throw new Refusal(`there is no folder '${path}'`)
    }
  }

  /** Where something really is; undefined when it isn't there. Throws Unusable when it is outside. */
  async real(path: string): Promise<string | undefined> {
    let found: string
    try {
      found = await realpath(join(this.#root, path))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
      throw new Unusable(code === 'ELOOP' ? 'it is a link to itself' : `it can't be read: ${String(code)}`)
    }
    if (found === this.#root || found.startsWith(this.#root.endsWith(sep) ? this.#root : this.#root + sep)) return found
    throw new Unusable('it is a link that leads out of the imported folder')
  }

  async isFolder(path: string): Promise<boolean> {
    const real = await this.real(path)
    return real !== undefined && (await stat(real)).isDirectory()
  }

  /** What is in a folder, in no order; nothing when it isn't there. What can't be entered is told to `refuse`. */
  async *entries(path: string, refuse: (path: string, reason: string) => void): AsyncGenerator<FolderEntry> {
    const real = await this.#tried(path, refuse)
    if (real === undefined) return
    let folder
    try {
      folder = await opendir(real)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      refuse(path, code === 'ENOTDIR' ? 'it is no folder' : `it can't be read: ${String(code)}`)
      return
    }
    for await (const entry of folder) {
      const within = path === '' ? entry.name : `${path}/${entry.name}`
      const kind = await this.#kindOf(entry, within, refuse)
      if (kind !== undefined) yield { name: entry.name, kind }
    }
  }

  /** Every file below a folder, by its path below it. */
  async *files(
    path: string,
    refuse: (path: string, reason: string) => void,
    below = '',
    depth = 0,
  ): AsyncGenerator<string> {
    if (depth > depthMax) return refuse(path, `folders are nested deeper than ${depthMax} levels`)
    for await (const { name, kind } of this.entries(path, refuse)) {
      const within = below === '' ? name : `${below}/${name}`
      if (kind === 'file') yield within
      else yield* this.files(`${path}/${name}`, refuse, within, depth + 1)
    }
  }

  /** Opens a file for reading. Throws Unusable when it is missing, outside, or no file. */
  async open(path: string): Promise<FileHandle> {
    const real = await this.real(path)
    if (real === undefined) throw new Unusable('it is missing')
    try {
      // Why: a pipe would keep the reader waiting; and what became a link since it was looked at isn't followed.
      const handle = await open(real, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
      if ((await handle.stat()).isFile()) return handle
      await handle.close()
    } catch (error) {
      throw new Unusable(`it can't be read: ${String((error as NodeJS.ErrnoException).code)}`)
    }
    throw new Unusable('it is no file')
  }

  /** Where a file really is, and its size. Throws Unusable as `open` does. */
  async file(path: string): Promise<{ readonly file: string; readonly bytes: number }> {
    const handle = await this.open(path)
    const { size } = await handle.stat()
    await handle.close()
    return { file: (await this.real(path)) ?? '', bytes: size }
  }

  /** The text of a small file. Throws Unusable when it can't be had, is larger, or no UTF-8. */
  async text(path: string, bytesMax: number): Promise<string> {
    const handle = await this.open(path)
    try {
      const { size } = await handle.stat()
      if (size > bytesMax) throw new Unusable(`it has ${size} bytes; ${bytesMax} are read`)
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(size), 0, size, 0)
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(buffer.subarray(0, bytesRead))
    } catch (error) {
      if (error instanceof TypeError) throw new Unusable('it is no UTF-8')
      throw error
    } finally {
      await handle.close()
    }
  }

  /** The path below this folder of an absolute path; undefined when it is elsewhere. */
  within(path: string): string | undefined {
    const base = [this.given, this.#root].find((root) => path === root || path.startsWith(root + sep))
    if (base === undefined || path.split(sep).includes('..')) return undefined
    return path.slice(base.length + 1)
  }

  async #tried(path: string, refuse: (path: string, reason: string) => void): Promise<string | undefined> {
    try {
      return await this.real(path)
    } catch (error) {
      if (!(error instanceof Unusable)) throw error
      refuse(path, error.message)
      return undefined
    }
  }

  async #kindOf(
    entry: Dirent,
    path: string,
    refuse: (path: string, reason: string) => void,
  ): Promise<'file' | 'folder' | undefined> {
    if (entry.isFile()) return 'file'
    if (entry.isDirectory()) return 'folder'
    try {
      const real = await this.real(path)
      const found = real === undefined ? undefined : await stat(real)
      if (found?.isFile() === true) return 'file'
      if (found === undefined) refuse(path, 'it is a link to nothing')
      else refuse(path, found.isDirectory() ? 'it is a link to a folder' : 'it is no file')
    } catch (error) {
      if (!(error instanceof Unusable)) throw error
      refuse(path, error.message)
    }
    return undefined
  }
}
