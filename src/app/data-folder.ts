import { mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Clock } from '../lib/index.ts'
import type { Config } from './config/load-config.ts'
import { takeDataLock } from './data-lock.ts'
import type { DataLock } from './data-lock.ts'
import { uploadsRoot } from './serving-options.ts'

/** Makes the data folder where it is missing and takes its lock. Throws an Error whose sentence says what is in the way. */
export const openDataFolder = (config: Config, clock: Clock): DataLock => {
  const folder = resolve(config.app.dataDir)
  try {
    makeFolder(folder)
    makeFolder(resolve(uploadsRoot(config)))
    return takeDataLock(folder, { clock, shared: config.http.reusePort })
  } catch (error) {
    throw explained(error, folder)
  }
}

/**
 * Makes a folder and those above it, one at a time: Node's recursive way never ends on file systems that answer
 * "no such file" to every mkdir, as /proc does.
 */
const makeFolder = (folder: string): void => {
  const missing: string[] = []
  let at = folder
  for (; statSync(at, { throwIfNoEntry: false }) === undefined && at !== dirname(at); at = dirname(at)) missing.push(at)
  for (const path of missing.toReversed()) {
    try {
      mkdirSync(path)
    } catch (error) {
      // Another server that starts just now may have been quicker.
      if (!isFolder(path)) throw error
    }
  }
  if (!isFolder(folder)) throw Object.assign(new Error(`not a folder: ${folder}`), { code: 'ENOTDIR', path: folder })
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a file is in the way',
  EEXIST: 'a file is in the way',
  ENOENT: 'the file system takes no files',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'its links go in a circle',
}

const explained = (error: unknown, folder: string): unknown => {
  const { code, path } = error as { readonly code?: string; readonly path?: string }
  if (code === undefined) return error
  const at = path === undefined || path === folder ? '' : `, at ${path}`
  return new Error(
    `the data folder ${folder} can't be used: ${reasons[code] ?? 'it failed'} (${code}${at}); choose another with --data-dir`,
    { cause: error },
  )
}
