import { realpath } from 'node:fs/promises'
import type { GatheredFile } from '../gather-files.ts'
import { isSystemLibrary } from './image-libraries.ts'
import { linkedLibraries } from './linked-libraries.ts'

/** Where Node is in an image. */
export const imageNode = 'usr/local/bin/node'

/** Node, and the shared libraries that it and the given files are linked with, at the places where they are looked for. */
export const runtimeFiles = async (binaries: readonly string[]): Promise<GatheredFile[]> => {
  const files = new Map<string, GatheredFile>()
  files.set(imageNode, { path: imageNode, source: await realpath(process.execPath) })
  for (const { path } of await linkedLibraries([process.execPath, ...binaries]))
    // Those beside a binary travel with it.
    if (path !== undefined && isSystemLibrary(path))
      files.set(path, { path: path.slice(1), source: await realpath(path) })
  return [...files.values()]
}
