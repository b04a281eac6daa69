import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { FileWriter } from './file-writer.ts'

const megabyte = 1024 * 1024

/** A file whose syncs the test settles; what is written is only counted. */
const heldFile = () => {
  const syncs: PromiseWithResolvers<void>[] = []
  const file = {
    written: 0,
    writev(pieces: readonly Uint8Array[]) {
      const bytesWritten = pieces.reduce((sum, piece) => sum + piece.length, 0)
      file.written += bytesWritten
      return Promise.resolve({ bytesWritten })
    },
    datasync() {
      const sync = Promise.withResolvers<void>()
      syncs.push(sync)
      return sync.promise
    },
  }
  return { file, syncs, writer: new FileWriter(file as unknown as FileHandle) }
}

const add = async (writer: FileWriter, megabytes: number): Promise<void> => {
  for (let count = 0; count < megabytes; count++) await writer.add(new Uint8Array(megabyte))
}

it('writes pieces of any size in their order, and frees them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-writer-'))
  const file = await open(join(folder, 'file'), 'wx')
  try {
    const writer = new FileWriter(file)
    const pieces = [3, megabyte, 0, 1, 2 * megabyte].map((length, index) => Buffer.alloc(length, index + 1))
    const whole = Buffer.concat(pieces)
    for (const piece of pieces) await writer.add(piece)
    await writer.end()
    expect(readFileSync(join(folder, 'file')).equals(whole)).toBe(true)
    expect(pieces[1]).toHaveLength(0)
  } finally {
    await file.close()
    rmSync(folder, { recursive: true })
  }
})

it('goes on writing while what is written is synced, one sync at a time', async () => {
  const { file, syncs, writer } = heldFile()
  await add(writer, 200)
  expect([file.written, syncs.length]).toEqual([200 * megabyte, 1])
  syncs[0]?.resolve()
  await add(writer, 2)
  expect(syncs).toHaveLength(2)
})

it('syncs the rest in the end, after the sync that is under way', async () => {
  const { syncs, writer } = heldFile()
  await add(writer, 70)
  const ended = writer.end()
  syncs[0]?.resolve()
  await expect.poll(() => syncs.length).toBe(2)
  syncs[1]?.resolve()
  await ended
})

it('tells in the end of a sync that failed on the way', async () => {
  const { syncs, writer } = heldFile()
  await add(writer, 70)
  syncs[0]?.reject(new Error('the disk is broken'))
  await add(writer, 200)
  expect(syncs).toHaveLength(1)
  await expect(writer.end()).rejects.toThrow('the disk is broken')
  await writer.stop()
})
