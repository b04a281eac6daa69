import { realpath } from 'node:fs/promises'
import { dirname, sep } from 'node:path'
import type { GatheredFile } from '../gather-files.ts'
import { PackagingError } from '../packaging-error.ts'
import { fileEntries, withFolders } from './file-entries.ts'
import type { LinkedLibrary } from './linked-libraries.ts'
import type { TarEntry } from './tar.ts'

/** A folder of the machine and where its files are in the image. */
export interface MovedFolder {
  readonly from: string
  readonly to: string
}

/** Folders in which the loader of an image, which has no cache of names, looks by itself. */
export const isSystemLibrary = (path: string): boolean => /^\/(usr\/)?lib(64)?\//.test(path)

/** The shared libraries of an image, each in the first layer that needs it, at a place where the loader finds it. */
export class ImageLibraries {
  /** What is at a path of the image: the real path of the file on this machine. */
  readonly #placed = new Map<string, string>()
  readonly #beside: string

  constructor(first: readonly GatheredFile[]) {
    for (const { path, source } of first) this.#placed.set(path, source)
    const standard = first.find(({ path }) => /\/(libc\.so\.6|libc\.musl-[^/]*|ld-musl-[^/]*)$/.test(path))
    this.#beside = dirname(standard?.path ?? 'lib/libc.so.6')
  }

  /** Whether a library of this name is there already. */
  has(name: string): boolean {
    return [...this.#placed.keys()].some((path) => path.endsWith(`/${name}`))
  }

  /** Entries of those that no layer has yet. */
  async add(libraries: readonly LinkedLibrary[], moved: MovedFolder): Promise<TarEntry[]> {
    const files: GatheredFile[] = []
    const links: TarEntry[] = []
    for (const { name, path, binary } of libraries) {
      if (path === undefined) continue
      const source = await realpath(path)
      const place = this.#placeOf({ name, path, binary }, source, moved)
      if (this.#placed.get(place) !== source) files.push({ path: place, source })
      this.#placed.set(place, source)
      const link = `${this.#beside}/${name}`
      // Why: found by $ORIGIN where it is, and here by who was built to look for it at its place on this machine.
      if (this.#placed.has(link)) continue
      this.#placed.set(link, source)
      links.push({ kind: 'link', path: link, target: `/${place}` })
    }
    return withFolders([...links, ...(await fileEntries(files, ''))])
  }

  #placeOf(
    { name, path, binary }: LinkedLibrary & { readonly path: string },
    source: string,
    moved: MovedFolder,
  ): string {
    if (isSystemLibrary(path)) return path.slice(1)
    if (path.startsWith(moved.from + sep)) return moved.to + path.slice(moved.from.length)
    const place = `${this.#beside}/${name}`
    const other = this.#placed.get(place)
    if (other === undefined || other === source) return place
    throw new PackagingError([`${binary} needs ${path}, and an image that has ${other} can't have both as ${name}`])
  }
}
