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

  /** Replaces the file whole. Throws when the disk doesn't take it; the earlier one stays. */
  async write(endpoints: readonly KeptEndpoint[]): Promise<void> {
    const text = `${JSON.stringify({ endpoints })}\n`
    if (text === this.#written) return
    await writeFile(`${this.#path}.part`, text, { mode: 0o600 })
    await rename(`${this.#path}.part`, this.#path)
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
