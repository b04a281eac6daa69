import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { whyUnreadable } from './why-unreadable.ts'

/**
 * A file's bytes. Throws for one that is larger, and for what is no file: a pipe in its place would keep the reader, and
 * a thread of the process, waiting for ever.
 */
export const readRegularFile = async (path: string, bytesMax: number): Promise<Buffer> => {
  const name = basename(path)
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    throw new Error(`${name} can't be read: ${whyUnreadable(error)}`, { cause: error })
  })
  try {
    const facts = await file.stat()
    if (!facts.isFile()) throw new Error(`${name} is not a file`)
    const { size } = facts
    if (size > bytesMax) throw new Error(`${name} has ${size} bytes; ${bytesMax} are read`)
    return await file.readFile()
  } finally {
    await file.close()
  }
}
