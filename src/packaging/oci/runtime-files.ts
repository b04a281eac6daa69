import { execFile } from 'node:child_process'
import { realpath } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { GatheredFile } from '../gather-files.ts'
import { PackagingError } from '../packaging-error.ts'

const run = promisify(execFile)

/** Where Node is in an image. */
export const imageNode = 'usr/local/bin/node'

/** Node, and the shared libraries that it and the given files are linked with, at the places where they are looked for. */
export const runtimeFiles = async (binaries: readonly string[]): Promise<GatheredFile[]> => {
  const files = new Map<string, GatheredFile>()
  files.set(imageNode, { path: imageNode, source: await realpath(process.execPath) })
  for (const binary of [process.execPath, ...binaries])
    for (const library of await librariesOf(binary))
      files.set(library, { path: library.slice(1), source: await realpath(library) })
  return [...files.values()]
}

/** Libraries of the system that a program or library is linked with. Those beside it travel with it. */
const librariesOf = async (binary: string): Promise<string[]> => {
  const { stdout } = await run('ldd', [binary]).catch((error: unknown) => {
    throw new PackagingError([
      `the libraries of ${binary} can't be told: ${error instanceof Error ? error.message : String(error)}`,
    ])
  })
  return stdout.split('\n').flatMap((line) => {
    const path = /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1]
    return path !== undefined && /^\/(usr\/)?lib(64)?\//.test(path) ? [path] : []
  })
}
