import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { BlobStore } from '../../ports/index.ts'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import { openDiskBlobs } from './open-disk-blobs.ts'

/** Only Linux tells of a descriptor what it is. */
const onLinux = it.runIf(process.platform === 'linux')

const bytes = Buffer.from('what must not be lost')
const digest = createHash('sha256').update(bytes).digest('hex')
const folder = `sha256/${digest.slice(0, 2)}`
const path = `${folder}/${digest.slice(2)}`

let root = ''
let blobs: BlobStore
let ids = 0
/** What the system was told to sync, in order, with what was there at that moment. */
let syncs: { readonly what: string; readonly content: string | undefined; readonly isNamed: boolean }[] = []

/** Looks at every file of this process that is synced by what the system itself says of its descriptor. */
const watchSyncs = async (): Promise<void> => {
  const probe = await open(join(root, 'probe'), 'w')
  const handles = Object.getPrototypeOf(probe) as FileHandle
  await probe.close()
  for (const kind of ['sync', 'datasync'] as const) {
    const real = Reflect.get(handles, kind) as () => Promise<void>
    vi.spyOn(handles, kind).mockImplementation(async function (this: FileHandle) {
      const target = readlinkSync(`/proc/self/fd/${this.fd}`)
      const isFile = (await this.stat()).isFile()
      const content = isFile ? readFileSync(target, 'utf8') : undefined
      await real.call(this)
      syncs.push({ what: relative(root, target), content, isNamed: existsSync(join(root, path)) })
    })
  }
}

const pieces = async function* (): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, 5)
  yield bytes.subarray(5)
}

const whats = (): readonly string[] => syncs.map(({ what }) => what.replace(/^incoming\/.*/, 'incoming'))

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'slipway-durable-'))
  syncs = []
  const newId = (): string => String(++ids).padStart(32, '0')
  blobs = await openDiskBlobs({ root, clock: new VirtualClock(), newId })
  if (process.platform === 'linux') await watchSyncs()
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(root, { recursive: true, force: true })
})

/** The bytes are synced before they get their name, and then the name, and the name of a folder that is new. */
const expectWhole = (): void => {
  const file = syncs.findLastIndex(({ content, isNamed }) => content === bytes.toString() && !isNamed)
  const name = syncs.findIndex(({ what, isNamed }) => what === folder && isNamed)
  const folders = syncs.findIndex(({ what, isNamed }) => what === 'sha256' && isNamed)
  expect(file).toBeGreaterThanOrEqual(0)
  expect(name).toBeGreaterThan(file)
  expect(folders).toBeGreaterThan(name)
}

onLinux('a file is acknowledged once its bytes, its name and the folder of its name are synced', async () => {
  expect(await blobs.put(pieces(), { bytesMax: 100 })).toEqual({ digest, bytes: bytes.length })
  expectWhole()
})

onLinux('a file that is there already is acknowledged once its name is synced, whoever put it', async () => {
  await Promise.all([blobs.put(pieces(), { bytesMax: 100 }), blobs.put(pieces(), { bytesMax: 100 })])
  expect(whats().filter((what) => what === folder)).toHaveLength(2)
})

onLinux('a file that came in parts is synced as any other, and each part when it is acknowledged', async () => {
  const upload = await blobs.startUpload()
  const etag = await blobs.putPart(upload, 1, pieces(), { bytesMax: 100 })
  const part = syncs.find(({ content }) => content?.startsWith(bytes.toString()))
  expect(part).toBeDefined()
  syncs = []
  await blobs.finishUpload(upload, [{ number: 1, etag }], { bytesMax: 100 })
  expectWhole()
})
