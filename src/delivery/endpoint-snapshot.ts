import { readFile, rename, writeFile } from 'node:fs/promises'
import type { ServedFiles } from '../registry/index.ts'

/** What an endpoint served last. */
export interface KeptEndpoint extends ServedFiles {
  readonly name: string
}

/** The last good state of the endpoints on disk, to start from while the registry can't be asked. */
export class EndpointSnapshot {
  readonly #path: string
  #written = ''
  #writes: Promise<void> = Promise.resolve()

  constructor(path: string) {
    this.#path = path
  }

  /** Empty when there is none, or none that can be read. */
  async read(): Promise<readonly KeptEndpoint[]> {
    try {
      const { endpoints } = JSON.parse(await readFile(this.#path, 'utf8')) as { endpoints?: unknown }
      return Array.isArray(endpoints) ? endpoints.filter(isKept) : []
    } catch {
      return []
    }
  }

  /** Replaces the file whole, one time after another. Throws when the disk doesn't take it; the earlier one stays. */
  write(endpoints: readonly KeptEndpoint[]): Promise<void> {
    const write = this.#writes.then(() => this.#write(`${JSON.stringify({ endpoints })}\n`))
    this.#writes = write.catch(() => undefined)
    return write
  }

  async #write(text: string): Promise<void> {
    if (text === this.#written) return
    // Why: another server may use the data folder too.
    const part = `${this.#path}.${process.pid}.part`
    await writeFile(part, text, { mode: 0o600, flush: true })
    await rename(part, this.#path)
    this.#written = text
  }
}

const isKept = (value: unknown): value is KeptEndpoint => {
  if (typeof value !== 'object' || value === null) return false
  const { name, version, folder, digest } = value as Record<string, unknown>
  return (
    typeof name === 'string' &&
    Number.isSafeInteger(version) &&
    typeof folder === 'string' &&
    typeof digest === 'string' &&
    /^[0-9a-f]{64}$/.test(digest)
  )
}
