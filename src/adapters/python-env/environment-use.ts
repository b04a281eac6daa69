import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { isMarkAlive, ownMark } from './process-lock.ts'

/** Folder in an environment with a file of each process that runs models from it. */
const marksFolder = 'slipway-used-by'

/** Keeps other processes from evicting an environment while this one runs; false when it is not there. */
export const markUsed = async (directory: string): Promise<boolean> => {
  const folder = join(directory, marksFolder)
  try {
    await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    await removeStale(folder)
    const own = join(folder, String(process.pid))
    await writeFile(own, ownMark())
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

/** Removes an environment unless a process runs models from it. */
export const evict = async (directory: string): Promise<void> => {
  if (await isUsed(directory)) return
  const aside = join(dirname(directory), `.${basename(directory)}.evicted.${randomUUID()}`)
  try {
    await rename(directory, aside).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
    // Why: who marked it before it was moved believes that it stays; who comes later finds that it is gone.
    if (await isUsed(aside)) await rename(aside, directory).catch(() => undefined)
  } finally {
    await rm(aside, { recursive: true, force: true })
  }
}

const isUsed = async (directory: string): Promise<boolean> => {
  const folder = join(directory, marksFolder)
  const marks = await namesIn(folder)
  const alive = await Promise.all(marks.map((name) => isAlive(join(folder, name))))
  return alive.includes(true)
}

const removeStale = async (folder: string): Promise<void> => {
  for (const name of await namesIn(folder))
    if (!(await isAlive(join(folder, name)))) await rm(join(folder, name), { force: true })
}

const isAlive = async (mark: string): Promise<boolean> => isMarkAlive(await readFile(mark, 'utf8').catch(() => ''))

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => [])
