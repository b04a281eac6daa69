import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { whyUnreadable } from '../lib/index.ts'

/** A file of a model's folder that its configuration names. Who asked for the load is told its name, not where it is. */
export const readModelFile = async (folder: string, file: string): Promise<Buffer> => {
  try {
    return await readFile(join(folder, file))
  } catch (error) {
    throw new Error(`'${file}' can't be read: ${whyUnreadable(error)}`, { cause: error })
  }
}
