import { readlinkSync } from 'node:fs'
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withTemporary } from './temporaries.ts'
import { isProcessAlive, startOfProcess } from './process-life.ts'

/** Where numbers of processes mean what they do here: another container that shares the folder has its own. */
const processSpace = (): string => {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0'
  } catch {
    return '0'
  }
}

/**
 * Makes a temporary folder of this process, for one kind of work, and removes those of that kind whose processes were
 * killed before they could.
 */
export const makeProcessFolder = async (kind: string): Promise<string> => {
  const start = `slipway-${kind}-${processSpace()}-`
  await sweep(tmpdir(), start)
  return mkdtemp(join(tmpdir(), `${start}${process.pid}-${startOfProcess(process.pid)}-`))
}

/** Does work with a folder of this process, that goes when the work is done or `removeTemporaries` is called. */
export const withProcessFolder = async <T>(kind: string, work: (folder: string) => Promise<T>): Promise<T> =>
  withTemporary(await makeProcessFolder(kind), work)

const sweep = async (folder: string, start: string): Promise<void> => {
  for (const name of await readdir(folder).catch(() => [])) {
    const [, pid, started] = /^(\d+)-(\d*)-/.exec(name.startsWith(start) ? name.slice(start.length) : '') ?? []
    if (pid === undefined || started === undefined || isProcessAlive({ pid: Number(pid), started })) continue
    const path = join(folder, name)
    // Why: everybody may make folders of any name there.
    const facts = await lstat(path).catch(() => undefined)
    if (facts?.isDirectory() !== true || facts.uid !== process.getuid?.()) continue
    await rm(path, { recursive: true, force: true }).catch(() => undefined)
  }
}
