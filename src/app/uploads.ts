import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { DeployStore } from '../api/index.ts'
import type { UploadStore } from '../dialects/open-inference/index.ts'
import { fail } from '../protocol/index.ts'

/** Keeps uploaded model files as a model repository of its own, `ROOT/NAME/VERSION/FILE`. */
export const diskUploads = (root: string): UploadStore => ({
  async put(model, files) {
    const fresh = join(root, `.${randomUUID()}`)
    try {
      for (const [path, bytes] of files) {
        const target = join(fresh, path)
        await mkdir(dirname(target), { recursive: true })
        await writeFile(target, bytes, { flag: 'wx' })
      }
      // Why: the folder appears whole or not at all.
      const target = join(root, model)
      for (let taken = true; taken;) {
        const old = join(root, `.${randomUUID()}`)
        await rename(target, old).catch(ignoreMissing)
        taken = await rename(fresh, target).then(() => false, isTaken)
        await rm(old, { recursive: true, force: true })
      }
    } catch (error) {
      await rm(fresh, { recursive: true, force: true })
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
        throw fail('storage_full', { what: `the files of '${model}'` }, error)
      throw error
    }
  },
})

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
    async addVersion(model, file, bytes) {
      await refuseKeptElsewhere(model)
      const fresh = join(root, `.${randomUUID()}`)
      try {
        await mkdir(fresh, { recursive: true })
        await pipeline(Readable.from(bytes), createWriteStream(join(fresh, file), { flags: 'wx' }))
        const folders = [root, ...others.later].map((folder) => join(folder, model))
        await mkdir(join(root, model), { recursive: true })
        for (let version = (await newestVersion(folders)) + 1; ; version++) {
          // Why: two deploys at once may pick the same number; renaming onto a folder that isn't empty fails.
          const taken = await rename(fresh, join(root, model, String(version))).then(() => false, isTaken)
          if (!taken) return version
        }
      } catch (error) {
        await rm(fresh, { recursive: true, force: true })
        if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
          throw fail('storage_full', { what: `the files of '${model}'` }, error)
        throw error
      }
    },
    removeVersion: (model, version) => rm(join(root, model, String(version)), { recursive: true, force: true }),
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
