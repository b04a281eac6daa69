import type { FileWindow } from './file-window.ts'

const endSignature = Buffer.from('PK\x05\x06', 'latin1')
const endBytes = 22
const commentBytesMax = 65_535
const wideLocatorBytes = 20
const wideEndBytes = 56
const directoryBytesMax = 64 * 1024 ** 2
const entryBytes = 46
const pickled = /\.(?:pkl|pickle|joblib|pt|pth|dill|cloudpickle)$/i

/** Whether a file is a zip archive, however it starts, that names a pickle, as those of PyTorch do. */
export const namesPickle = async (file: FileWindow): Promise<boolean> => {
  const tailStart = Math.max(0, file.size - endBytes - commentBytesMax)
  const tail = await file.from(tailStart, file.size - tailStart)
  if (tail === undefined) return false
  // Why: a copy, since the window moves on.
  const ending = Buffer.from(tail)
  for (let at = ending.indexOf(endSignature); at !== -1; at = ending.indexOf(endSignature, at + 1)) {
    if (at + endBytes > ending.length) break
    const end = ending.subarray(at, at + endBytes)
    for (const { start, bytes } of await directoriesOf(file, end, tailStart + at)) {
      if (bytes > directoryBytesMax) return true
      const directory = await file.from(start, bytes)
      if (directory !== undefined && namesOf(directory.subarray(0, bytes)).some((name) => pickled.test(name)))
        return true
    }
  }
  const head = (await file.from(0, 4))?.subarray(0, 4).toString('latin1')
  // An archive that can't be read is judged by what stands where its directory should be.
  return head === 'PK\x03\x04' && /\.(?:pkl|pickle|joblib)/i.test(ending.toString('latin1'))
}

/** Names in an archive's directory, as far as it is one. */
const namesOf = (directory: Buffer): string[] => {
  const names: string[] = []
  for (let at = 0; at + entryBytes <= directory.length && directory.readUInt32LE(at) === 0x02014b50;) {
    const name = directory.readUInt16LE(at + 28)
    names.push(directory.toString('latin1', at + entryBytes, at + entryBytes + name))
    at += entryBytes + name + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32)
  }
  return names
}

interface Region {
  readonly start: number
  readonly bytes: number
}

/** Where the directory of an archive may be: right before its end, or where its end says; readers differ. */
const directoriesOf = async (file: FileWindow, end: Buffer, endsAt: number): Promise<Region[]> => {
  const size = end.readUInt32LE(12)
  const regions = [
    { start: endsAt - size, bytes: size },
    { start: end.readUInt32LE(16), bytes: size },
  ]
  const wideAt = endsAt - wideLocatorBytes - wideEndBytes
  const wide = await file.from(wideAt, wideEndBytes)
  if (wide?.readUInt32LE() === 0x06064b50) {
    const bytes = Number(wide.readBigUInt64LE(40))
    regions.push({ start: wideAt - bytes, bytes }, { start: Number(wide.readBigUInt64LE(48)), bytes })
  }
  return regions.filter(({ start, bytes }) => start >= 0 && start + bytes <= endsAt)
}
