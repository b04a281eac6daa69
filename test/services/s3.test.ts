import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  HeadBucketCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { openS3Blobs } from '../../src/adapters/s3/index.ts'
import type { S3BlobsOptions } from '../../src/adapters/s3/index.ts'
import { systemClock } from '../../src/lib/index.ts'
import type { BlobStore } from '../../src/ports/index.ts'
import type { BlobStoreUnderTest } from '../../src/testing/contracts/describe-blob-store.ts'
import { SlipwayClient } from '../../src/client/index.ts'
import { startTestApp } from '../../src/testing/index.ts'
import { describeBlobStore } from '../../src/testing/contracts/describe-blob-store.ts'

const endpoint = (): string => {
  const url = process.env['SLIPWAY_TEST_S3']
  if (url === undefined) throw new Error('run these tests by npm run test:services')
  return url
}

const Bucket = 'slipway'
const newId = (): string => randomUUID().replaceAll('-', '')
const mebibyte = 1024 * 1024

interface TestS3 extends BlobStoreUnderTest {
  readonly prefix: string
  readonly s3: S3Client
  open(options?: Partial<S3BlobsOptions>): Promise<BlobStore>
  keys(): Promise<string[]>
}

const openTestS3 = async (): Promise<TestS3> => {
  const s3 = new S3Client({ endpoint: endpoint(), forcePathStyle: true })
  await s3.send(new HeadBucketCommand({ Bucket })).catch(() => s3.send(new CreateBucketCommand({ Bucket })))
  const prefix = `test/${newId()}`
  const open = (options: Partial<S3BlobsOptions> = {}): Promise<BlobStore> =>
    openS3Blobs({ bucket: Bucket, prefix, endpoint: endpoint(), clock: systemClock, newId, ...options })
  const keys = async (): Promise<string[]> => {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: `${prefix}/` }))
    return Contents.map(({ Key = '' }) => Key.slice(prefix.length + 1))
  }
  return {
    s3,
    prefix,
    open,
    keys,
    blobs: await open(),
    again: open,
    async leftovers() {
      const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix: `${prefix}/` }))
      return Uploads.length + (await keys()).filter((key) => !key.startsWith('sha256/')).length
    },
    [Symbol.asyncDispose]: () => Promise.resolve(s3.destroy()),
  }
}

async function* piecesOf(...pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield await Promise.resolve(piece)
}

const anySize = { bytesMax: Number.MAX_SAFE_INTEGER }
const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

describeBlobStore('S3', openTestS3)

describe('blobs on S3', () => {
  it('are objects named by their digest below the prefix', async () => {
    await using test = await openTestS3()
    const { digest } = await test.blobs.put(piecesOf(Buffer.from('x')), anySize)
    expect(await test.keys()).toEqual([`sha256/${digest.slice(0, 2)}/${digest.slice(2)}`])
  })

  it('are copied in parts when they are large', async () => {
    await using test = await openTestS3()
    const blobs = await test.open({ copy: { copyBytesMax: 6 * mebibyte, copyPartBytes: 5 * mebibyte } })
    const bytes = randomBytes(17 * mebibyte)
    const blob = await blobs.put(piecesOf(bytes), anySize)
    expect(blob.digest).toBe(digestOf(bytes))
    expect(Buffer.concat(await Array.fromAsync(blobs.read(blob.digest))).equals(bytes)).toBe(true)
    expect(await test.leftovers()).toBe(0)
  })

  it('are read and uploaded by others with presigned requests', async () => {
    await using test = await openTestS3()
    const upload = await test.blobs.startUpload()
    const [first, second] = [randomBytes(5 * mebibyte), randomBytes(10)]
    const etags: string[] = []
    for (const [index, body] of [first, second].entries()) {
      const part = await test.blobs.presignPart?.(upload, index + 1, 60)
      const reply = await fetch(part?.url ?? '', { method: 'PUT', body, headers: { ...part?.headers } })
      expect(reply.status).toBe(200)
      etags.push(reply.headers.get('etag') ?? '')
    }
    const parts = etags.map((etag, index) => ({ number: index + 1, etag }))
    const { digest } = await test.blobs.finishUpload(upload, parts, anySize)
    await test.blobs.dropUpload(upload)
    const read = await test.blobs.presignRead?.(digest, { expiresS: 60, fileName: 'ä "model".bin' })
    const whole = await fetch(read?.url ?? '', { headers: { ...read?.headers } })
    expect(Buffer.from(await whole.arrayBuffer()).equals(Buffer.concat([first, second]))).toBe(true)
    expect(whole.headers.get('content-disposition')).toBe("attachment; filename*=UTF-8''%C3%A4%20%22model%22.bin")
    const range = await fetch(read?.url ?? '', { headers: { ...read?.headers, range: 'bytes=5242880-5242889' } })
    expect(range.status).toBe(206)
    expect(Buffer.from(await range.arrayBuffer()).equals(second)).toBe(true)
    const forged = new URL(read?.url ?? '')
    forged.pathname = forged.pathname.replace(/.$/, (last) => (last === '0' ? '1' : '0'))
    expect((await fetch(forged)).status).toBe(403)
  })

  it('are not presigned where clients are kept from the store', async () => {
    await using test = await openTestS3()
    const { presignRead, presignPart } = await test.open({ presigned: false })
    expect([presignRead, presignPart]).toEqual([undefined, undefined])
  })

  it('are rid at open of what was begun long ago, and of nothing younger', async () => {
    await using test = await openTestS3()
    const kept = await test.blobs.startUpload()
    await test.s3.send(new CreateMultipartUploadCommand({ Bucket, Key: `${test.prefix}/incoming/${newId()}` }))
    await test.open()
    expect(await test.leftovers()).toBe(2)
    const later = (days: number) => ({ ...systemClock, wallMs: () => systemClock.wallMs() + days * 86_400_000 })
    await test.open({ clock: later(2) })
    expect(await test.leftovers()).toBe(1)
    expect(await test.blobs.putPart(kept, 1, piecesOf(Buffer.from('x')), anySize)).toBeTypeOf('string')
    await test.open({ clock: later(8) })
    expect(await test.leftovers()).toBe(0)
  })

  it('say that the store can not be used, and why', async () => {
    await using test = await openTestS3()
    const unavailable = { code: 'storage_unavailable' }
    await expect(test.open({ endpoint: 'http://127.0.0.1:1' })).rejects.toMatchObject(unavailable)
    await expect(test.open({ bucket: `none-${newId()}` })).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('NoSuchBucket') as string,
    })
  })
})

describe('a server whose artifacts are on S3', () => {
  const root = '/api/2.0/mlflow-artifacts'
  const place = (prefix: string, more = ''): string => `s3://${Bucket}/${prefix}?endpoint=${endpoint()}${more}`

  it('has clients send parts to S3 and read from there', async () => {
    await using test = await openTestS3()
    await using app = await startTestApp({ flags: ['--artifacts', place(test.prefix)] })
    const info = await (await app.fetch('/api/3.0/mlflow/server-info')).json()
    expect(info).toMatchObject({ multipart_uploads_enabled: true, multipart_downloads_enabled: true })
    const file = { path: '/tmp/model.bin' }
    const created = (await (await app.post(`${root}/mpu/create/0/m`, { ...file, num_parts: 1 })).json()) as {
      upload_id: string
      credentials: { url: string }[]
    }
    const url = created.credentials[0]?.url ?? ''
    expect(url.startsWith(endpoint())).toBe(true)
    const bytes = randomBytes(1000)
    const etag = (await fetch(url, { method: 'PUT', body: bytes })).headers.get('etag')
    const whole = { ...file, upload_id: created.upload_id, parts: [{ part_number: 1, etag, url }] }
    expect((await app.post(`${root}/mpu/complete/0/m`, whole)).status).toBe(200)
    expect((await app.post(`${root}/mpu/complete/0/m`, whole)).status).toBe(200)
    const presigned = await (await app.fetch(`${root}/presigned/0/m/model.bin`)).json()
    expect(presigned).toMatchObject({ file_size: 1000, headers: {} })
    const direct = await fetch((presigned as { url: string }).url)
    expect(Buffer.from(await direct.arrayBuffer()).equals(bytes)).toBe(true)
    const through = await app.fetch(`${root}/artifacts/0/m/model.bin`, { headers: { range: 'bytes=990-' } })
    expect(Buffer.from(await through.arrayBuffer()).equals(bytes.subarray(990))).toBe(true)
    expect(await test.leftovers()).toBe(0)
  })

  it('takes the parts itself where clients are kept from S3', async () => {
    await using test = await openTestS3()
    await using app = await startTestApp({ flags: ['--artifacts', place(test.prefix, '&presigned=false')] })
    const file = { path: 'model.bin' }
    const created = (await (await app.post(`${root}/mpu/create/0/m`, { ...file, num_parts: 2 })).json()) as {
      upload_id: string
      credentials: { url: string; part_number: number }[]
    }
    const bodies = [randomBytes(5 * mebibyte), randomBytes(10)]
    const parts: object[] = []
    for (const [index, { url, part_number }] of created.credentials.entries()) {
      expect(url.startsWith(app.addresses.http)).toBe(true)
      const reply = await fetch(url, { method: 'PUT', body: bodies[index] ?? '' })
      parts.push({ part_number, etag: reply.headers.get('etag') })
    }
    const whole = { ...file, upload_id: created.upload_id, parts }
    expect((await app.post(`${root}/mpu/complete/0/m`, whole)).status).toBe(200)
    const read = await app.fetch(`${root}/artifacts/0/m/model.bin`)
    expect(Buffer.from(await read.arrayBuffer()).equals(Buffer.concat(bodies))).toBe(true)
    expect((await app.fetch(`${root}/presigned/0/m/model.bin`)).status).toBe(501)
  })

  it('frees what was deleted, and takes the same bytes again', async () => {
    await using test = await openTestS3()
    await using app = await startTestApp({ flags: ['--artifacts', place(test.prefix)] })
    const client = new SlipwayClient({ url: app.addresses.http })
    const newRun = async (content: string): Promise<string> => {
      const { runId } = await client.runs.create({})
      await client.uploadArtifact(runId, 'model/file', content)
      return runId
    }
    const [gone, kept] = [await newRun('of nobody'), await newRun('kept')]
    await client.runs.delete({ runId: gone })
    const all = { olderThanMs: 0, blobAgeMs: 0 }
    const page = await client.garbage.collect(all)
    expect(page.items.map(({ kind, verdict }) => `${kind} ${verdict}`)).toEqual(['run gone', 'blob gone'])
    expect(page.blobsInUse).toBe(1)
    expect(await test.keys()).toHaveLength(1)
    await client.uploadArtifact(kept, 'again', 'of nobody')
    expect((await client.garbage.collect(all)).items).toEqual([])
    expect(await new Response(await client.downloadArtifact(kept, 'again')).text()).toBe('of nobody')
  })

  it('starts while S3 is away, and says so to whoever wants an artifact', async () => {
    await using app = await startTestApp({ flags: ['--artifacts', 's3://none/x?endpoint=http://127.0.0.1:1'] })
    expect(app.log.filter(({ event }) => event === 'artifacts.unavailable')).toHaveLength(1)
    const reply = await app.fetch(`${root}/artifacts/0/m/a.bin`, { method: 'PUT', body: 'x' })
    expect([reply.status, reply.headers.get('slipway-error')]).toEqual([503, 'storage_unavailable'])
    expect((await app.fetch('/v2/health/ready')).status).toBe(200)
  })

  it.each(['&colour=red', '&presigned=perhaps'])('does not start with %j', async (more) => {
    await expect(startTestApp({ flags: ['--artifacts', place('x', more)] })).rejects.toThrow('--artifacts')
  })
})
