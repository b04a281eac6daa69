import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Blob, BlobStore, UploadPart } from '../../ports/index.ts'
import { liveBytes } from '../live-bytes.ts'

export interface BlobStoreUnderTest extends AsyncDisposable {
  readonly blobs: BlobStore
  /** Opens the same place again, as after a restart. */
  again(): Promise<BlobStore>
  /** How many files or objects there are besides the blobs: what is unfinished, or was left behind. */
  leftovers(): Promise<number>
}

const mebibyte = 1024 * 1024
/** S3 takes no smaller part, but for the last. */
const partBytes = 5 * mebibyte

const digestOf = (...pieces: readonly Uint8Array[]): string => {
  const hash = createHash('sha256')
  for (const piece of pieces) hash.update(piece)
  return hash.digest('hex')
}

async function* piecesOf(...pieces: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield await Promise.resolve(Buffer.from(piece))
}

const put = (blobs: BlobStore, content: string | Uint8Array): Promise<Blob> =>
  blobs.put(piecesOf(content), { bytesMax: content.length })

const read = async (blobs: BlobStore, digest: string, range?: { start: number; end: number }): Promise<Buffer> => {
  const pieces: Uint8Array[] = []
  for await (const piece of blobs.read(digest, range)) pieces.push(piece)
  return Buffer.concat(pieces)
}

const listed = async (blobs: BlobStore): Promise<(Blob & { storedAtMs: number })[]> => {
  const found: (Blob & { storedAtMs: number })[] = []
  for await (const blob of blobs.list()) found.push(blob)
  return found.sort((a, b) => (a.digest < b.digest ? -1 : 1))
}

const putPart = async (blobs: BlobStore, upload: string, number: number, bytes: Uint8Array): Promise<UploadPart> => ({
  number,
  etag: await blobs.putPart(upload, number, piecesOf(bytes), { bytesMax: bytes.length }),
})

const anySize = { bytesMax: Number.MAX_SAFE_INTEGER }
const unknownDigest = 'ab'.repeat(32)

/** In the form of S3's. */
const otherEtag = '"0123456789abcdef0123456789abcdef"'

const hostile = [
  '',
  '.',
  '..',
  '../../etc/passwd',
  '/etc/passwd',
  '%2e%2e%2f',
  'a\u0000b',
  'A'.repeat(64),
  'g'.repeat(64),
  'a'.repeat(10_000),
  `${'a'.repeat(64)}/../x`,
  `${'a'.repeat(62)}\n`,
]

type Open = () => Promise<BlobStoreUnderTest>

/** What every BlobStore promises (see its port). `open` gives an empty one. */
export const describeBlobStore = (name: string, open: Open): void => {
  describe(`blobs on ${name}`, () => {
    describeBlobs(open)
    describeRefusals(open)
  })
  describe(`uploads in parts on ${name}`, () => {
    describeUploads(open)
    describeUploadRefusals(open)
  })
}

const describeBlobs = (open: Open): void => {
  it('are read as they were put, whole or a range of them', async () => {
    await using test = await open()
    const { blobs } = test
    const blob = await blobs.put(piecesOf('he', '', 'llo wor', 'ld'), { bytesMax: 11 })
    expect(blob).toEqual({ digest: digestOf(Buffer.from('hello world')), bytes: 11 })
    expect(await blobs.stat(blob.digest)).toEqual(blob)
    expect((await read(blobs, blob.digest)).toString()).toBe('hello world')
    const ranges = [
      [0, 5, 'hello'],
      [6, 11, 'world'],
      [6, 1000, 'world'],
      [3, 3, ''],
      [11, 12, ''],
      [500, 600, ''],
    ] as const
    for (const [start, end, expected] of ranges)
      expect((await read(blobs, blob.digest, { start, end })).toString(), `${start} to ${end}`).toBe(expected)
  })

  it('may be empty', async () => {
    await using test = await open()
    const blob = await put(test.blobs, '')
    expect(blob).toEqual({ digest: digestOf(), bytes: 0 })
    expect(await test.blobs.stat(blob.digest)).toEqual(blob)
    expect(await read(test.blobs, blob.digest)).toHaveLength(0)
    expect(await read(test.blobs, blob.digest, { start: 0, end: 10 })).toHaveLength(0)
  })

  it('are listed with their size and time, and not once deleted', async () => {
    await using test = await open()
    const { blobs } = test
    const stored = [await put(blobs, 'a'), await put(blobs, 'bb'), await put(blobs, 'ccc')]
    stored.sort((a, b) => (a.digest < b.digest ? -1 : 1))
    const found = await listed(blobs)
    expect(found.map(({ digest, bytes }) => ({ digest, bytes }))).toEqual(stored)
    for (const { storedAtMs } of found) expect(storedAtMs).toBeGreaterThan(1_600_000_000_000)
    const gone = stored[0]?.digest ?? ''
    await blobs.delete(gone)
    await blobs.delete(gone)
    expect(await blobs.stat(gone)).toBeUndefined()
    expect(await listed(blobs)).toHaveLength(2)
  })

  it('are listed in the order of their digests, and from one of them on', async () => {
    await using test = await open()
    const digests: string[] = []
    for (let index = 0; index < 30; index++) digests.push((await put(test.blobs, `blob ${index}`)).digest)
    digests.sort()
    const from = async (after?: string): Promise<string[]> =>
      (await Array.fromAsync(test.blobs.list(after))).map(({ digest }) => digest)
    expect(await from()).toEqual(digests)
    for (const at of [0, 7, 29]) expect(await from(digests[at])).toEqual(digests.slice(at + 1))
    // One that is gone is a place in the order as well.
    await test.blobs.delete(digests[7] ?? '')
    expect(await from(digests[7])).toEqual(digests.slice(8))
    expect(await from('f'.repeat(64))).toEqual([])
  })

  it('are one blob when the same bytes come at once', async () => {
    await using test = await open()
    const bytes = randomBytes(6 * mebibyte)
    const given = await Promise.all([1, 2, 3, 4].map(() => put(test.blobs, bytes)))
    expect(new Set(given.map(({ digest }) => digest))).toEqual(new Set([digestOf(bytes)]))
    expect(await put(test.blobs, bytes)).toEqual(given[0])
    expect(await listed(test.blobs)).toHaveLength(1)
    expect((await read(test.blobs, digestOf(bytes))).equals(bytes)).toBe(true)
    expect(await test.leftovers()).toBe(0)
  })

  it('pass through in memory that does not grow with them', async () => {
    await using test = await open()
    const piece = randomBytes(mebibyte)
    const count = 200
    const base = liveBytes()
    let usedMax = 0
    let seen = 0
    const look = (): void => {
      if (seen++ % 20 === 19) usedMax = Math.max(usedMax, liveBytes() - base)
    }
    async function* many(): AsyncGenerator<Uint8Array> {
      for (let index = 0; index < count; index++) {
        look()
        yield await Promise.resolve(Buffer.concat([Buffer.from([index]), piece.subarray(1)]))
      }
    }
    const { digest, bytes } = await test.blobs.put(many(), { bytesMax: count * mebibyte })
    expect(bytes).toBe(count * mebibyte)
    const hash = createHash('sha256')
    for await (const part of test.blobs.read(digest)) {
      hash.update(part)
      look()
    }
    expect(hash.digest('hex')).toBe(digest)
    expect(usedMax).toBeLessThan(100 * mebibyte)
    expect(await test.leftovers()).toBe(0)
  })
}

const describeRefusals = (open: Open): void => {
  it('are refused when they are another than the one expected', async () => {
    await using test = await open()
    for (const size of [10, 9 * mebibyte]) {
      const bytes = Buffer.alloc(size, 'x')
      const options = { bytesMax: size, digest: unknownDigest }
      await expect(test.blobs.put(piecesOf(bytes), options)).rejects.toMatchObject({ code: 'digest_mismatch' })
      const digest = digestOf(bytes)
      await expect(test.blobs.put(piecesOf(bytes), { bytesMax: size, digest })).resolves.toMatchObject({ digest })
      // What is there already is compared as well.
      const other = piecesOf(bytes, 'y')
      const known = { bytesMax: size + 1, digest }
      await expect(test.blobs.put(other, known)).rejects.toMatchObject({ code: 'digest_mismatch' })
      await test.blobs.delete(digest)
    }
    expect(await listed(test.blobs)).toEqual([])
    expect(await test.leftovers()).toBe(0)
  })

  it('are refused above the bound, and may reach it', async () => {
    await using test = await open()
    for (const size of [10, 9 * mebibyte]) {
      const bytes = Buffer.alloc(size, 'x')
      await expect(test.blobs.put(piecesOf(bytes), { bytesMax: size - 1 })).rejects.toMatchObject({
        code: 'payload_too_large',
      })
    }
    expect(await listed(test.blobs)).toEqual([])
    expect(await test.leftovers()).toBe(0)
    expect((await put(test.blobs, 'xx')).bytes).toBe(2)
  })

  it('leave nothing when their sender goes away', async () => {
    await using test = await open()
    for (const size of [10, 9 * mebibyte]) {
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield await Promise.resolve(Buffer.alloc(size))
        throw new Error('the sender left')
      }
      await expect(test.blobs.put(broken(), anySize)).rejects.toThrow('the sender left')
    }
    expect(await listed(test.blobs)).toEqual([])
    expect(await test.leftovers()).toBe(0)
  })

  it('are missing when there are none, whatever name is asked for', async () => {
    await using test = await open()
    for (const digest of [...hostile, unknownDigest]) {
      await expect(read(test.blobs, digest)).rejects.toMatchObject({ code: 'artifact_missing' })
      await expect(read(test.blobs, digest, { start: 2, end: 2 })).rejects.toMatchObject({ code: 'artifact_missing' })
    }
    expect(await test.blobs.stat(unknownDigest)).toBeUndefined()
    await test.blobs.delete(unknownDigest)
  })
}

const describeUploads = (open: Open): void => {
  it('join what came in any order, and again what came twice', async () => {
    await using test = await open()
    const { blobs } = test
    const [first, second, last] = [randomBytes(partBytes), randomBytes(partBytes), randomBytes(1000)]
    const upload = await blobs.startUpload()
    const third = await putPart(blobs, upload, 7, last)
    await putPart(blobs, upload, 2, randomBytes(partBytes))
    const [one, two] = await Promise.all([putPart(blobs, upload, 1, first), putPart(blobs, upload, 2, second)])
    const blob = await blobs.finishUpload(upload, [one, two, third], anySize)
    expect(blob).toEqual({ digest: digestOf(first, second, last), bytes: 2 * partBytes + 1000 })
    expect((await read(blobs, blob.digest)).equals(Buffer.concat([first, second, last]))).toBe(true)
    await blobs.dropUpload(upload)
    expect(await test.leftovers()).toBe(0)
    expect(await blobs.stat(blob.digest)).toEqual(blob)
  })

  it('are one blob with the same bytes put at once', async () => {
    await using test = await open()
    const bytes = randomBytes(3000)
    const blob = await put(test.blobs, bytes)
    const upload = await test.blobs.startUpload()
    const part = await putPart(test.blobs, upload, 1, bytes)
    expect(await test.blobs.finishUpload(upload, [part], { ...anySize, digest: blob.digest })).toEqual(blob)
    await test.blobs.dropUpload(upload)
    expect(await listed(test.blobs)).toHaveLength(1)
  })

  it('go on after a restart, and finish twice alike', async () => {
    await using test = await open()
    const [first, second] = [randomBytes(partBytes), randomBytes(10)]
    const upload = await test.blobs.startUpload()
    const one = await putPart(test.blobs, upload, 1, first)
    const reopened = await test.again()
    const two = await putPart(reopened, upload, 2, second)
    const blob = await reopened.finishUpload(upload, [one, two], anySize)
    expect(blob.digest).toBe(digestOf(first, second))
    expect(await (await test.again()).finishUpload(upload, [one, two], anySize)).toEqual(blob)
    await reopened.dropUpload(upload)
    expect(await listed(reopened)).toHaveLength(1)
  })

  it('are finished by several at once', async () => {
    await using test = await open()
    const bytes = randomBytes(100_000)
    const upload = await test.blobs.startUpload()
    const part = await putPart(test.blobs, upload, 1, bytes)
    const given = await Promise.all([1, 2, 3].map(() => test.blobs.finishUpload(upload, [part], anySize)))
    expect(given.map(({ digest }) => digest)).toEqual(Array.from(given, () => digestOf(bytes)))
    await test.blobs.dropUpload(upload)
    expect(await test.leftovers()).toBe(0)
  })
}

const refused = { code: 'invalid_parameter' }

const describeUploadRefusals = (open: Open): void => {
  it('are refused with a part missing, twice, out of order or of another etag', async () => {
    await using test = await open()
    const { blobs } = test
    const upload = await blobs.startUpload()
    const old = await putPart(blobs, upload, 1, randomBytes(partBytes))
    const one = await putPart(blobs, upload, 1, randomBytes(partBytes))
    const two = await putPart(blobs, upload, 2, randomBytes(10))
    const wrong: readonly (readonly UploadPart[])[] = [
      [],
      [one, { ...two, number: 3 }],
      [one, one],
      [two, one],
      [old, two],
      [one, { number: 2, etag: otherEtag }],
      [{ ...one, number: 0 }],
      [{ ...one, number: 1.5 }],
      [{ ...one, number: 10_001 }],
    ]
    for (const parts of wrong)
      await expect(blobs.finishUpload(upload, parts, anySize), JSON.stringify(parts)).rejects.toMatchObject(refused)
    expect(await blobs.finishUpload(upload, [one, two], anySize)).toMatchObject({ bytes: partBytes + 10 })
  })

  it('are refused above the bound and for another digest', async () => {
    await using test = await open()
    const { blobs } = test
    const upload = await blobs.startUpload()
    const bytes = randomBytes(100)
    await expect(blobs.putPart(upload, 1, piecesOf(bytes), { bytesMax: 99 })).rejects.toMatchObject({
      code: 'payload_too_large',
    })
    const part = await putPart(blobs, upload, 1, bytes)
    await expect(blobs.finishUpload(upload, [part], { bytesMax: 99 })).rejects.toMatchObject({
      code: 'payload_too_large',
    })
    await expect(blobs.finishUpload(upload, [part], { bytesMax: 100, digest: unknownDigest })).rejects.toMatchObject({
      code: 'digest_mismatch',
    })
    for (const number of [0, -1, 1.5, NaN, 10_001])
      await expect(blobs.putPart(upload, number, piecesOf(bytes), anySize)).rejects.toMatchObject(refused)
    expect(await listed(blobs)).toEqual([])
    await blobs.dropUpload(upload)
    expect(await test.leftovers()).toBe(0)
  })

  it('are gone once dropped', async () => {
    await using test = await open()
    const { blobs } = test
    const upload = await blobs.startUpload()
    const part = await putPart(blobs, upload, 1, randomBytes(100))
    await blobs.dropUpload(upload)
    expect(await test.leftovers()).toBe(0)
    const gone = { code: 'resource_missing' }
    await expect(blobs.finishUpload(upload, [part], anySize)).rejects.toMatchObject(gone)
    await expect(putPart(blobs, upload, 2, randomBytes(5))).rejects.toMatchObject(gone)
    await expect(blobs.dropUpload(upload)).rejects.toMatchObject(gone)
  })

  it('are missing under every id that was not given out', async () => {
    await using test = await open()
    const missing = { code: 'resource_missing' }
    const part = { number: 1, etag: otherEtag }
    for (const upload of [
      ...hostile,
      'a'.repeat(32),
      `${'a'.repeat(32)}.Li4vLi4`,
      `${'a'.repeat(32)}.Li4`,
      `${'a'.repeat(32)}.YQ`,
    ]) {
      await expect(test.blobs.putPart(upload, 1, piecesOf('x'), anySize)).rejects.toMatchObject(missing)
      await expect(test.blobs.finishUpload(upload, [part], anySize)).rejects.toMatchObject(missing)
      await expect(test.blobs.dropUpload(upload)).rejects.toMatchObject(missing)
    }
    expect(await test.leftovers()).toBe(0)
  })
}
