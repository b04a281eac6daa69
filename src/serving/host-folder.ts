import { readlinkSync } from 'node:fs'
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isProcessAlive, startOfProcess } from '../lib/index.ts'

/** Where numbers of processes mean what they do here: another container that shares the folder has its own. */
const processSpace = (): string => {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0'
  } catch {
    return '0'
  }
}

const prefix = (): string => `slipway-hosts-${processSpace()}-`

/** Makes the folder that a server's hosts run in, and removes those of servers that were killed. */
export const makeHostFolder = async (): Promise<string> => {
  await sweep(tmpdir())
  return mkdtemp(join(tmpdir(), `${prefix()}${process.pid}-${startOfProcess(process.pid)}-`))
}

const sweep = async (folder: string): Promise<void> => {
  const start = prefix()
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
