import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, readdir, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { DeployStore } from '../api/index.ts'
import { folderArchive } from '../api/index.ts'
import type { UploadStore } from '../dialects/open-inference/index.ts'
import { TarError, untar } from '../lib/index.ts'
import { fail } from '../protocol/index.ts'

/** Keeps uploaded model files as a model repository of its own, `ROOT/NAME/VERSION/FILE`. */
export const diskUploads = (root: string): UploadStore => ({
  async stage(model, files) {
    const fresh = join(root, `${freshPrefix}${randomUUID()}`)
    const drop = (): Promise<void> => rm(fresh, { recursive: true, force: true })
    try {
      for (const [path, bytes] of files) {
        const target = join(fresh, model, path)
        await mkdir(dirname(target), { recursive: true })
        await writeFile(target, bytes, { flag: 'wx' })
      }
    } catch (error) {
      await drop()
      throw storageFailure(error, model)
    }
    return { root: fresh, home: root, keep: () => replace(root, model, join(fresh, model)), drop }
  },
})

/** Folders in the making, which no restart needs. */
const freshPrefix = '.new-'
/** Folders that hold a model while another takes its place; a restart puts it back if none did. */
const asidePrefix = '.replaced-'

/** Puts the folder `fresh` in place of a model's; one of the two is there at any restart. */
const replace = async (root: string, model: string, fresh: string): Promise<void> => {
  const target = join(root, model)
  for (let taken = true; taken;) {
    const aside = join(root, `${asidePrefix}${randomUUID()}`)
    await mkdir(aside)
    await rename(target, join(aside, model)).catch(ignoreMissing)
    try {
      taken = await rename(fresh, target).then(() => false, isTaken)
    } catch (error) {
      await rename(join(aside, model), target).catch(ignoreMissing)
      throw error
    }
    // Why: what can't be removed now is removed by the next start.
    await rm(aside, { recursive: true, force: true }).catch(() => undefined)
  }
}

/** Makes the folder of uploads ready for a start: finishes or takes back what a crash cut short. */
export const tidyUploads = async (root: string): Promise<void> => {
  await mkdir(root, { recursive: true })
  const names = await readdir(root)
  for (const name of names.filter((candidate) => candidate.startsWith(asidePrefix))) {
    for (const model of await readdir(join(root, name))) {
      await rename(join(root, name, model), join(root, model)).catch(ignoreTaken)
    }
  }
  const leftovers = names.filter((name) => name.startsWith(asidePrefix) || name.startsWith(freshPrefix))
  await Promise.all(leftovers.map((name) => rm(join(root, name), { recursive: true, force: true })))
}

const ignoreTaken = (error: NodeJS.ErrnoException): void => void isTaken(error)

const ignoreMissing = (error: NodeJS.ErrnoException): void => {
  if (error.code !== 'ENOENT') throw error
}

/** Highest number of a version in any of the model's folders, 0 without any. */
const newestVersion = async (folders: readonly string[]): Promise<number> => {
  const names = await Promise.all(folders.map((folder) => readdir(folder).catch(() => [])))
  return Math.max(
    0,
    ...names
      .flat()
      .filter((name) => /^[1-9]\d{0,14}$/.test(name))
      .map(Number),
  )
}

/** Makes a folder the next version of a model, in the first of its folders; answers its number. */
const addNext = async (fresh: string, folders: readonly [string, ...string[]]): Promise<number> => {
  const [home] = folders
  await mkdir(home, { recursive: true })
  for (let version = (await newestVersion(folders)) + 1; ; version++) {
    // Why: another server of the folder may pick the same number; renaming onto a folder that isn't empty fails.
    const taken = await rename(fresh, join(home, String(version))).then(() => false, isTaken)
    if (!taken) return version
  }
}

/** Why: an empty folder of a model would hide the model that another root has by its name. */
const removeEmpty = (folder: string): Promise<void> =>
  rmdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
  })

const storageFailure = (error: unknown, model: string): unknown =>
  (error as NodeJS.ErrnoException).code === 'ENOSPC'
    ? fail('storage_full', { what: `the files of '${model}'` }, error)
    : error

/** Writes the files of an archive below a folder. Throws invalid_request for what is none. */
const unpack = async (bytes: AsyncIterable<Uint8Array>, folder: string): Promise<void> => {
  try {
    for await (const { path, content } of untar(bytes)) {
      const target = join(folder, path)
      await mkdir(dirname(target), { recursive: true })
      await pipeline(Readable.from(content()), createWriteStream(target, { flags: 'wx' }))
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (error instanceof TarError) throw fail('invalid_request', { reason: error.message }, error)
    if (code === 'EEXIST' || code === 'EISDIR' || code === 'ENOTDIR' || code === 'ENAMETOOLONG')
      throw fail('invalid_request', { reason: 'the archive has a file twice, or one whose name is too long' }, error)
    throw error
  }
}

/** Keeps deployed files among the uploads. `earlier` are the roots that win over them, `later` those that they win over. */
export const diskDeploys = (
  root: string,
  others: { readonly earlier: readonly string[]; readonly later: readonly string[] },
): DeployStore => {
  const refuseKeptElsewhere = async (model: string): Promise<void> => {
    for (const folder of others.earlier) {
      const facts = await stat(join(folder, model)).catch(() => undefined)
      if (facts !== undefined)
        throw fail('conflict', {
          reason: `model '${model}' is kept in a model repository of the operator's; add or remove versions there`,
        })
    }
  }
  return {
    async stage(model, file, bytes) {
      await refuseKeptElsewhere(model)
      const fresh = join(root, `${freshPrefix}${randomUUID()}`)
      const drop = (): Promise<void> => rm(fresh, { recursive: true, force: true })
      try {
        await mkdir(fresh, { recursive: true })
        if (file === folderArchive) await unpack(bytes, fresh)
        else await pipeline(Readable.from(bytes), createWriteStream(join(fresh, file), { flags: 'wx' }))
      } catch (error) {
        await drop()
        throw storageFailure(error, model)
      }
      const folders: [string, ...string[]] = [join(root, model), ...others.later.map((folder) => join(folder, model))]
      const add = (): Promise<number> =>
        addNext(fresh, folders).catch(async (error: unknown) => {
          await removeEmpty(folders[0])
          throw storageFailure(error, model)
        })
      return { add, drop }
    },
    async removeVersion(model, version) {
      await rm(join(root, model, String(version)), { recursive: true, force: true })
      await removeEmpty(join(root, model))
    },
    async remove(model) {
      await refuseKeptElsewhere(model)
      const deployed = await stat(join(root, model)).catch(() => undefined)
      if (deployed === undefined) {
        throw fail('conflict', { reason: `model '${model}' was not deployed here, so it can only be unloaded` })
      }
      await rm(join(root, model), { recursive: true, force: true })
    },
  }
}

const isTaken = (error: NodeJS.ErrnoException): true => {
  if (error.code === 'ENOTEMPTY' || error.code === 'EEXIST') return true
  throw error
}
