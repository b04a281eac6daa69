import { mkdir, readdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { isProcessAlive, withTemporary } from '../lib/index.ts'

/**
 * Gives a new folder beside a place to make in it what is then moved there; it goes when that is done or a signal ends the process, and what was
 * being made when its maker was killed goes with the next.
 */
export const inPartFolder = async <T>(output: string, make: (part: string) => Promise<T>): Promise<T> => {
  await mkdir(dirname(output), { recursive: true })
  await removeLeftParts(output)
  const part = join(dirname(output), `.${basename(output)}.${process.pid}.part`)
  return withTemporary(part, async () => {
    await mkdir(part)
    return make(part)
  })
}

const removeLeftParts = async (output: string): Promise<void> => {
  const start = `.${basename(output)}.`
  for (const name of await readdir(dirname(output))) {
    const [, pid] = /^(\d{1,10})\.part$/.exec(name.startsWith(start) ? name.slice(start.length) : '') ?? []
    if (pid === undefined) continue
    if (Number(pid) === process.pid || !isProcessAlive({ pid: Number(pid), started: '' }))
      await rm(join(dirname(output), name), { recursive: true, force: true })
  }
}
