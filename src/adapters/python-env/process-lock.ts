import { readFile, rm, writeFile } from 'node:fs/promises'
import { isProcessAlive, sleep, startOfProcess } from '../../lib/index.ts'
import type { Clock, ProcessMark } from '../../lib/index.ts'

const pollMs = 200

export interface LockOptions {
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Called once when another process has the lock. */
  onWait(): void
}

/**
 * Keeps other processes of this machine from doing the same at the same time; a lock of a process that died is taken
 * over. It spares work and guards nothing: should two processes take over one lock at once, both go on.
 */
export const takeProcessLock = async (path: string, options: LockOptions): Promise<() => Promise<void>> => {
  const own = JSON.stringify({ pid: process.pid, started: startOfProcess(process.pid) })
  let waited = false
  for (;;) {
    options.signal.throwIfAborted()
    try {
      await writeFile(path, own, { flag: 'wx' })
      return () => rm(path, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const holder = await holderOf(path)
    if (holder === undefined || !isProcessAlive(holder)) {
      await rm(path, { force: true })
      continue
    }
    if (!waited) options.onWait()
    waited = true
    await sleep(options.clock, pollMs)
  }
}

/** Who has the lock; undefined when nobody does any more, or when its maker died before it wrote its name. */
const holderOf = async (path: string): Promise<ProcessMark | undefined> => {
  try {
    const { pid, started } = JSON.parse(await readFile(path, 'utf8')) as ProcessMark
    // Why: a signal to 0 or below goes to groups of processes, not to one.
    return Number.isSafeInteger(pid) && pid > 0 && typeof started === 'string' ? { pid, started } : undefined
  } catch {
    return undefined
  }
}
