import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile, mkdir, readdir, rename, stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { withTemporaryFolder } from '../../lib/index.ts'
import { Refusal } from '../command.ts'

/** A converted model in a model repository. */
export interface Kept {
  readonly folder: string
  readonly version: number
  readonly path: string
}

/** The SHA-256 of a file's bytes, in hex. */
export const digestOf = async (path: string): Promise<string> => {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

/**
 * Puts a model and its report into a repository as the next version of its name. Nothing is seen there before both are
 * whole.
 */
export const keepResult = async (
  repository: string,
  { name, model, report }: { readonly name: string; readonly model: string; readonly report: unknown },
): Promise<Kept> => {
  const home = resolve(repository, name)
  try {
    await mkdir(home, { recursive: true })
  } catch (error) {
    throw new Refusal(`'${home}' can't be made: ${(error as Error).message}; choose another with --output`)
  }
  return withTemporaryFolder(join(home, '.new-'), async (fresh) => {
    await copyFile(model, join(fresh, 'model.onnx'))
    await writeFile(join(fresh, 'conversion.json'), `${JSON.stringify(report, undefined, 2)}\n`)
    for (let version = (await newestVersion(home)) + 1; ; version++) {
      const folder = join(home, String(version))
      // Why: two conversions at once may pick the same number; renaming onto a folder that isn't empty fails.
      const taken = await rename(fresh, folder).then(() => false, isTaken)
      if (!taken) return { folder, version, path: join(folder, 'model.onnx') }
    }
  })
}

const newestVersion = async (home: string): Promise<number> => {
  const names = await readdir(home)
  return Math.max(0, ...names.filter((name) => /^[1-9]\d{0,14}$/.test(name)).map(Number))
}

const isTaken = async (error: NodeJS.ErrnoException): Promise<true> => {
  if (error.code === 'ENOTEMPTY' || error.code === 'EEXIST') return true
  throw error
}

/** Size and digest of every file of a model, so that the report says what was converted. */
export const digestsOf = async (
  path: string,
): Promise<readonly { readonly path: string; readonly sha256: string }[]> => {
  if ((await stat(path)).isFile()) return [{ path: '', sha256: await digestOf(path) }]
  const names = (await readdir(path, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
  const digests: { path: string; sha256: string }[] = []
  for (const file of names) digests.push({ path: file.slice(path.length + 1), sha256: await digestOf(file) })
  return digests
}
