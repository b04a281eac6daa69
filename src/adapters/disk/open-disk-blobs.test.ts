import { randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../lib/index.ts'
import type { BlobStore } from '../../ports/index.ts'
import type { BlobStoreUnderTest } from '../../testing/contracts/describe-blob-store.ts'
import { describeBlobStore } from '../../testing/contracts/describe-blob-store.ts'
import { openDiskBlobs } from './open-disk-blobs.ts'

const open = async (): Promise<BlobStoreUnderTest & { root: string }> => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-blobs-'))
  const again = (): Promise<BlobStore> =>
    openDiskBlobs({ root, clock: systemClock, newId: () => randomUUID().replaceAll('-', '') })
  return {
    root,
    blobs: await again(),
    again,
    leftovers: async () => readdirSync(join(root, 'incoming')).length + readdirSync(join(root, 'uploads')).length,
    async [Symbol.asyncDispose]() {
      rmSync(root, { recursive: true, force: true })
    },
  }
}

describeBlobStore('disk', open)

describe('blobs on disk', () => {
  it('are told from what others left among them', async () => {
    await using test = await open()
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(Buffer.from('x'))
    }
    const { digest } = await test.blobs.put(pieces(), { bytesMax: 1 })
    writeFileSync(join(test.root, 'sha256', '.DS_Store'), '')
    writeFileSync(join(test.root, 'sha256', 'notes'), '')
    writeFileSync(join(test.root, 'sha256', digest.slice(0, 2), '.DS_Store'), '')
    expect((await Array.fromAsync(test.blobs.list())).map((blob) => blob.digest)).toEqual([digest])
  })

  it('are rid at open of uploads that nobody went on with for a week', async () => {
    await using test = await open()
    const [old, young] = [await test.blobs.startUpload(), await test.blobs.startUpload()]
    const eightDaysAgo = systemClock.wallMs() / 1000 - 8 * 86_400
    utimesSync(join(test.root, 'uploads', old), eightDaysAgo, eightDaysAgo)
    await test.again()
    expect(readdirSync(join(test.root, 'uploads'))).toEqual([young])
  })
})
