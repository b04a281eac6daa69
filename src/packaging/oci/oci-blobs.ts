import { createHash, randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { TarEntry } from './tar.ts'
import { tar } from './tar.ts'

/** A blob of an image as others refer to it (OCI image specification, descriptors). */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

export interface Layer {
  readonly descriptor: Descriptor
  /** Digest of the archive before compression. */
  readonly diffId: string
}

const layerType = 'application/vnd.oci.image.layer.v1.tar+gzip'

/** The blobs of an image layout, each under its digest. */
export class OciBlobs {
  readonly #folder: string

  constructor(layout: string) {
    this.#folder = join(layout, 'blobs', 'sha256')
  }

  async json(mediaType: string, value: unknown): Promise<Descriptor> {
    const bytes = Buffer.from(JSON.stringify(value))
    const hash = createHash('sha256').update(bytes).digest('hex')
    await mkdir(this.#folder, { recursive: true })
    await writeFile(join(this.#folder, hash), bytes)
    return { mediaType, digest: `sha256:${hash}`, size: bytes.length }
  }

  /** Writes a layer; the same entries give the same digests. */
  async layer(entries: AsyncIterable<TarEntry> | Iterable<TarEntry>): Promise<Layer> {
    await mkdir(this.#folder, { recursive: true })
    const part = join(this.#folder, `${randomUUID()}.part`)
    const plain = counted()
    const packed = counted()
    try {
      await pipeline(Readable.from(tar(entries)), plain.stream, createGzip(), packed.stream, createWriteStream(part))
      const hash = packed.digest()
      await rename(part, join(this.#folder, hash))
      const descriptor = { mediaType: layerType, digest: `sha256:${hash}`, size: packed.bytes() }
      return { descriptor, diffId: `sha256:${plain.digest()}` }
    } finally {
      await rm(part, { force: true })
    }
  }
}

/** Passes bytes on, and knows their digest in the end. */
const counted = (): { readonly stream: Transform; digest(): string; bytes(): number } => {
  const hash = createHash('sha256')
  let bytes = 0
  const stream = new Transform({
    transform(chunk: Uint8Array, _, done) {
      hash.update(chunk)
      bytes += chunk.length
      done(null, chunk)
    },
  })
  return { stream, digest: () => hash.digest('hex'), bytes: () => bytes }
}
