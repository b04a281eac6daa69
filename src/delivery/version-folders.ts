import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import type { BlobStore } from '../ports/index.ts'
import { AppError, fail } from '../protocol/index.ts'
import type { ModelFile, ServedFiles } from '../registry/index.ts'

/** Lists files below a folder of the artifact root, in the order of their paths. */
export type ListFiles = (
  folder: string,
  page: { readonly after?: string; readonly limit: number },
) => Promise<readonly ModelFile[]>

export interface VersionFoldersDeps {
  /** Where the folders are; this server's alone. */
  readonly root: string
  readonly blobs: BlobStore
  readonly listFiles: ListFiles
  /** Whether another server uses the folder too, so that what this one doesn't need is left alone. */
  readonly shared: boolean
}

/** Files listed at a time, and the most that a version may have. */
const filesAtOnce = 1000
const filesMax = 100_000

/**
 * The files of registered versions as folders that engines can load, named by the digest of the whole. Every byte is
 * compared with its digest each time that a folder is asked for, so that what is loaded is what was registered.
 */
export class VersionFolders {
  readonly #deps: VersionFoldersDeps
  readonly #making = new Map<string, Promise<string>>()
  /** Digests whose folders are being removed. */
  readonly #removing = new Map<string, Promise<void>>()

  constructor(deps: VersionFoldersDeps) {
    this.#deps = deps
  }

  /** The folder of a version, made or checked. Fails with `digest_mismatch` when what is stored is not what was sealed. */
  require(files: ServedFiles): Promise<string> {
    const under = this.#making.get(files.digest)
    if (under !== undefined) return under
    const made = this.#require(files).finally(() => this.#making.delete(files.digest))
    this.#making.set(files.digest, made)
    return made
  }

  /** Removes the folders of all but the digests that are needed then, and what a crash left half-made. */
  async tidy(needed: () => ReadonlySet<string>): Promise<void> {
    const { root, shared } = this.#deps
    if (shared) return
    const names = await readdir(root).catch(() => [])
    const digests = needed()
    const isNeeded = (name: string): boolean => {
      const [digest = '', part] = name.split('.')
      return this.#making.has(digest) || (digests.has(digest) && (part === undefined || part === 'json'))
    }
    const gone = Map.groupBy(
      names.filter((name) => !isNeeded(name)),
      (name) => name.split('.')[0] ?? '',
    )
    await Promise.all([...gone].map(([digest, names]) => this.#remove(digest, names)))
  }

  /** Whoever asks for the digest meanwhile waits, and makes its folder anew. */
  async #remove(digest: string, names: readonly string[]): Promise<void> {
    const { root } = this.#deps
    const earlier = this.#removing.get(digest)
    const removal = Promise.all([
      earlier,
      ...names.map((name) => rm(join(root, name), { recursive: true, force: true })),
    ]).then(() => undefined)
    this.#removing.set(digest, removal)
    await removal.finally(() => {
      if (this.#removing.get(digest) === removal) this.#removing.delete(digest)
    })
  }

  async #require({ folder, digest }: ServedFiles): Promise<string> {
    const place = join(this.#deps.root, digest)
    await this.#removing.get(digest)?.catch(() => undefined)
    const files = await this.#filesOf(folder, digest)
    if (await isIntact(place, files)) return place
    const part = `${place}.${randomUUID()}`
    try {
      await mkdir(part, { recursive: true, mode: 0o700 })
      for (const file of files) await this.#copy(file, inside(part, file.path))
      await this.#put(part, place, files)
      await writeFile(`${place}.json`, JSON.stringify(files))
    } catch (error) {
      await rm(part, { recursive: true, force: true })
      throw unwritable(folder, error)
    }
    return place
  }

  /** Puts a folder where it belongs. Another server may have been quicker; what it made is used, as its hosts may be in it. */
  async #put(part: string, place: string, files: readonly ModelFile[]): Promise<void> {
    try {
      await rename(part, place)
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
      if (!(await isIntact(place, files))) {
        await rename(place, `${place}.${randomUUID()}`)
        await rename(part, place)
      }
      await rm(part, { recursive: true, force: true })
    }
  }

  /** The files that were sealed; from the list of the last time while the registry can't be asked. */
  async #filesOf(folder: string, digest: string): Promise<readonly ModelFile[]> {
    const listed = await this.#files(folder).catch(async (error: unknown) => {
      if (!(error instanceof AppError) || error.code !== 'database_unavailable') throw error
      const text = await readFile(join(this.#deps.root, `${digest}.json`), 'utf8').catch(() => undefined)
      if (text === undefined) throw error
      return JSON.parse(text) as ModelFile[]
    })
    requireDigest(listed, { folder, digest })
    return listed
  }

  async #files(folder: string): Promise<ModelFile[]> {
    const files: ModelFile[] = []
    for (;;) {
      const after = files.at(-1)?.path
      const page = await this.#deps.listFiles(folder, { limit: filesAtOnce, ...(after !== undefined && { after }) })
      files.push(...page)
      if (files.length > filesMax)
        throw fail('not_servable', { what: `'${folder}'`, reason: `it has more than ${filesMax} files` })
      if (page.length < filesAtOnce) return files
    }
  }

  async #copy(file: ModelFile, to: string): Promise<void> {
    await mkdir(dirname(to), { recursive: true })
    const hash = createHash('sha256')
    const handle = await open(to, 'wx', 0o600)
    try {
      for await (const piece of this.#deps.blobs.read(file.digest)) {
        hash.update(piece)
        for (let at = 0; at < piece.length;) at += (await handle.write(piece, at)).bytesWritten
      }
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'artifact_missing') throw error
      throw fail('not_servable', { what: `'${file.path}'`, reason: `its bytes are gone: ${error.message}` }, error)
    } finally {
      await handle.close()
    }
    const actual = hash.digest('hex')
    if (actual !== file.digest) throw mismatch(file, actual)
  }
}

/** What the file system refuses, in words of the registry's. */
const unwritable = (folder: string, error: unknown): unknown => {
  const { code } = error as NodeJS.ErrnoException
  if (error instanceof AppError || code === undefined) return error
  const what = `'${folder}'`
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return fail('storage_full', { what: `the files of ${what} to serve` }, error)
  return fail('not_servable', { what, reason: `this server can't write its files to a folder (${code})` }, error)
}

const mismatch = ({ path, digest }: ModelFile, actual: string): Error =>
  fail('not_servable', {
    what: `'${path}'`,
    reason: `its bytes are not those that were registered: ${actual} instead of ${digest}`,
  })

/** The files must be the ones that were sealed; see `ArtifactStore.seal`. */
const requireDigest = (
  files: readonly ModelFile[],
  { folder, digest }: Pick<ServedFiles, 'folder' | 'digest'>,
): void => {
  const hash = createHash('sha256')
  for (const file of files) hash.update(`${file.path}\0${file.digest}\n`)
  if (hash.digest('hex') === digest) return
  throw fail('not_servable', { what: `'${folder}'`, reason: 'its files are not those that were registered' })
}

/** Paths of artifacts are checked when they are stored; this is where one that isn't would do harm. */
const inside = (folder: string, path: string): string => {
  const place = join(folder, path)
  if (place.startsWith(folder + sep)) return place
  throw fail('invalid_path', {})
}

/** Whether a folder holds these files and no others, byte by byte. */
const isIntact = async (place: string, files: readonly ModelFile[]): Promise<boolean> => {
  const entries = await readdir(place, { recursive: true, withFileTypes: true }).catch(() => undefined)
  if (entries === undefined) return false
  const others = entries.filter((entry) => !entry.isDirectory())
  // Why: a pipe that a model put there would be read without end.
  if (others.length !== files.length || !others.every((entry) => entry.isFile())) return false
  for (const file of files) if ((await digestOf(inside(place, file.path))) !== file.digest) return false
  return true
}

const digestOf = async (path: string): Promise<string | undefined> => {
  const hash = createHash('sha256')
  try {
    for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(piece as Uint8Array)
  } catch {
    return undefined
  }
  return hash.digest('hex')
}
