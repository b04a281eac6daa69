import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, constants, mkdir, mkdtemp, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Clock } from '../../lib/index.ts'
import { isProcessAlive, startOfProcess } from '../../lib/index.ts'

/** An optimised graph that is kept. */
export interface GraphEntry {
  readonly path: string
}

export interface GraphFolderOptions {
  readonly folder: string
  /** Bytes of all entries together. */
  readonly bytesMax: number
  readonly clock: Clock
}

/** Entries of all kinds: those that keep no graph have no bytes to count, and a folder is read at every load. */
const entriesMax = 4096
/** `KEY-SOURCEBYTES-BYTES-CRC.onnx`, or `KEY.none` for a model that a graph gains nothing. */
const entryName = /^([0-9a-f]{64})(?:-(\d+)-\d+-[0-9a-f]{8}\.onnx|\.none)$/
/** `MARK-SHA256.source`: a file's digest by the digest of its mark. */
const sourceName = /^([0-9a-f]{64})-([0-9a-f]{64})\.source$/
/** `write-PID-START-…`: a folder of the process that it names. */
const writeName = /^write-(\d+)-(\d*)-/

/**
 * The files of the cache, one an entry, named after its key, its length and its checksum: what a rename puts there is
 * whole, and what a power cut leaves of it is told by its name. Several servers may share the folder. The time of a
 * file's change is when it was last used.
 */
export class GraphFolder {
  readonly #folder: string
  readonly #bytesMax: number
  readonly #clock: Clock
  /** Bytes of its entries when they were last counted, which is at every change that this process makes. */
  bytes = 0

  constructor({ folder, bytesMax, clock }: GraphFolderOptions) {
    this.#folder = folder
    this.#bytesMax = bytesMax
    this.#clock = clock
  }

  /** Makes the folder and removes what writers that died left behind. Throws when nothing can be kept in it. */
  async open(): Promise<void> {
    await mkdir(this.#folder, { recursive: true })
    await access(this.#folder, constants.R_OK | constants.W_OK | constants.X_OK)
    for (const name of await readdir(this.#folder)) {
      const [, pid, started = ''] = writeName.exec(name) ?? []
      if (pid !== undefined && !isProcessAlive({ pid: Number(pid), started }))
        await rm(join(this.#folder, name), { recursive: true, force: true })
    }
    await this.#evict()
  }

  /** The entry of a key, which counts as used now; 'none' where a graph gains nothing. A damaged one is removed. */
  async find(key: string, damaged: (reason: string) => void): Promise<GraphEntry | 'none' | undefined> {
    for (const name of await readdir(this.#folder)) {
      const parts = entryName.exec(name)
      if (parts?.[1] !== key) continue
      const path = join(this.#folder, name)
      if (parts[2] === undefined) {
        await this.#touch(path)
        return 'none'
      }
      if ((await checkedName(key, Number(parts[2]), path).catch(() => '')) === name) {
        await this.#touch(path)
        return { path }
      }
      damaged('its bytes are not those that were written')
      await this.drop({ path })
    }
    return undefined
  }

  /** Whether a graph of a file of this size is kept. */
  async hasGraphOf(sourceBytes: number): Promise<boolean> {
    const names = await readdir(this.#folder)
    return names.some((name) => entryName.exec(name)?.[2] === String(sourceBytes))
  }

  /** The digest of the file that had this mark. */
  async findDigest(mark: string): Promise<string | undefined> {
    const id = idOf(mark)
    for (const name of await readdir(this.#folder)) {
      const parts = sourceName.exec(name)
      if (parts?.[1] !== id) continue
      await this.#touch(join(this.#folder, name))
      return parts[2]
    }
    return undefined
  }

  /** Only for a file that changes no more within the tick that its mark names. */
  async keepDigest(mark: string, sha256: string): Promise<void> {
    await this.#keepName(`${idOf(mark)}-${sha256}.source`)
  }

  /** A file that a host may write, in a folder of its own; `discard` removes both. */
  async newFile(): Promise<{ path: string; discard: () => Promise<void> }> {
    const prefix = `write-${process.pid}-${startOfProcess(process.pid)}-`
    const folder = await mkdtemp(join(this.#folder, prefix))
    return { path: join(folder, 'graph.onnx'), discard: () => rm(folder, { recursive: true, force: true }) }
  }

  /** Makes a written file the entry of a key, for a source of that size; returns whether it fits into the bound. */
  async keep(key: string, sourceBytes: number, path: string): Promise<boolean> {
    const { size } = await stat(path)
    if (size > this.#bytesMax) return false
    const kept = join(this.#folder, await checkedName(key, sourceBytes, path))
    await this.#touch(path)
    await rename(path, kept)
    await this.#evict()
    return true
  }

  /** Remembers that a graph gains nothing. */
  async keepNone(key: string): Promise<void> {
    await this.#keepName(`${key}.none`)
  }

  /** An entry whose name is all there is. */
  async #keepName(name: string): Promise<void> {
    const path = join(this.#folder, name)
    await writeFile(path, '')
    await this.#touch(path)
    await this.#evict()
  }

  async drop({ path }: GraphEntry): Promise<void> {
    await remove(path)
    await this.#evict()
  }

  async #touch(path: string): Promise<void> {
    const seconds = this.#clock.wallMs() / 1000
    // Why: another server may just have evicted it; then the host that is to read it says so.
    await utimes(path, seconds, seconds).catch(() => undefined)
  }

  /** Removes the least recently used entries beyond the bounds. */
  async #evict(): Promise<void> {
    const entries: { readonly path: string; readonly bytes: number; readonly usedMs: number }[] = []
    for (const name of await readdir(this.#folder)) {
      if (!entryName.test(name) && !sourceName.test(name)) continue
      const path = join(this.#folder, name)
      const facts = await stat(path).catch(() => undefined)
      if (facts !== undefined) entries.push({ path, bytes: facts.size, usedMs: facts.mtimeMs })
    }
    let bytes = 0
    let count = 0
    let kept = 0
    for (const entry of entries.toSorted((a, b) => b.usedMs - a.usedMs)) {
      bytes += entry.bytes
      count += 1
      if (bytes > this.#bytesMax || count > entriesMax) await remove(entry.path)
      else kept += entry.bytes
    }
    this.bytes = kept
  }
}

const remove = (path: string): Promise<void> => rm(path, { recursive: true, force: true })

const idOf = (mark: string): string => createHash('sha256').update(mark).digest('hex')

/** The name that an entry of this content has. */
const checkedName = async (key: string, sourceBytes: number, path: string): Promise<string> => {
  let sum = 0
  let bytes = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 512 * 1024 }) as AsyncIterable<Buffer>) {
    sum = crc32(chunk, sum)
    bytes += chunk.length
  }
  return `${key}-${sourceBytes}-${bytes}-${sum.toString(16).padStart(8, '0')}.onnx`
}
