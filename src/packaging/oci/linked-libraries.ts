import { reasonOf } from '../../lib/index.ts'
import { execFile } from 'node:child_process'
import { normalize } from 'node:path'
import { promisify } from 'node:util'
import { PackagingError } from '../packaging-error.ts'

const run = promisify(execFile)

/** A library that a program or another library is linked with, as the loader of this machine finds it. */
export interface LinkedLibrary {
  readonly name: string
  /** Undefined when it is not found. */
  readonly path: string | undefined
  readonly binary: string
}

/** Programs a call; their paths have to fit on a command line. */
const batchMax = 64
const outputBytesMax = 64 * 1024 ** 2

/** Libraries that binaries are linked with, those of libraries too. */
export const linkedLibraries = async (binaries: readonly string[]): Promise<LinkedLibrary[]> => {
  const found: LinkedLibrary[] = []
  for (let at = 0; at < binaries.length; at += batchMax) {
    const batch = binaries.slice(at, at + batchMax)
    found.push(...parseLinked(await ldd(batch), batch[0] ?? ''))
  }
  return found
}

/** What ldd says of each; of one that is linked with nothing it says so, and fails. */
const ldd = async (binaries: readonly string[]): Promise<string> => {
  try {
    return (await run('ldd', [...binaries], { maxBuffer: outputBytesMax })).stdout
  } catch (error) {
    const { code, stdout } = error as { readonly code?: unknown; readonly stdout?: string }
    if (typeof code === 'number' && stdout !== undefined) return stdout
    throw new PackagingError([`the libraries of ${binaries[0] ?? ''} can't be told: ${reasonOf(error)}`])
  }
}

/** Reads the output of ldd; it names a binary before its libraries where it was asked about several. */
export const parseLinked = (output: string, first: string): LinkedLibrary[] => {
  const found: LinkedLibrary[] = []
  let binary = first
  for (const line of output.split('\n')) {
    const heading = /^(\/.*):$/.exec(line)?.[1]
    if (heading !== undefined) binary = heading
    const missing = /^\s+(\S+) => not found/.exec(line)?.[1]
    if (missing !== undefined) found.push({ name: missing, path: undefined, binary })
    const [, given, path] = /^\s+(?:(\S+) => )?(\/.*) \(0x[0-9a-f]+\)$/.exec(line) ?? []
    if (path !== undefined)
      found.push({ name: (given ?? path).split('/').at(-1) ?? path, path: normalize(path), binary })
  }
  return found
}
