import { randomUUID } from 'node:crypto'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
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
      // Why: the folder appears whole or not at all; hosts that loaded the old files hold them open.
      const old = join(root, `.${randomUUID()}`)
      await rename(join(root, model), old).catch(ignoreMissing)
      await rename(fresh, join(root, model))
      await rm(old, { recursive: true, force: true })
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
