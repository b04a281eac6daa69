import { closeSync, openSync, readSync } from 'node:fs'

/** A file's text, or undefined when it is larger: no more is read than may be, as devices and pipes tell no size. */
export const readBounded = (path: string, bytesMax: number): string | undefined => {
  const file = openSync(path, 'r')
  try {
    const buffer = Buffer.allocUnsafe(bytesMax + 1)
    let filled = 0
    while (filled < buffer.length) {
      const count = readSync(file, buffer, filled, buffer.length - filled, null)
      if (count === 0) return buffer.toString('utf8', 0, filled)
      filled += count
    }
    return undefined
  } finally {
    closeSync(file)
  }
}
