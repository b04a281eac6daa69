import { mkdtempSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'

/**
 * What this process has made for the time being. Why for the whole process: a signal ends it wherever it is, when nobody
 * is left who could be asked.
 */
const made = new Set<string>()

/** Does work with a path that goes when that is done, or with `removeTemporaries`. */
export const withTemporary = async <T>(path: string, work: (path: string) => Promise<T>): Promise<T> => {
  made.add(path)
  try {
    return await work(path)
  } finally {
    await rm(path, { recursive: true, force: true })
    made.delete(path)
  }
}

/** The same with a new folder, whose name begins with `prefix`. */
export const withTemporaryFolder = <T>(prefix: string, work: (folder: string) => Promise<T>): Promise<T> =>
  withTemporary(mkdtempSync(prefix), work)

/** Removes what is there for the time being, before a signal ends the process. */
export const removeTemporaries = (): void => {
  // Why tried again: a program that was just killed, or a write under way, may add to a folder that is being removed.
  for (const path of made) rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 })
}
