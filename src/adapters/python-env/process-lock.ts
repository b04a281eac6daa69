import { randomUUID } from 'node:crypto'
import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
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
 * over. It appears with its holder's name in it, since a lock without one would be taken for a dead process's. It spares
 * work and guards nothing: should two processes take over a dead one's lock at once, both go on.
 */
export const takeProcessLock = async (path: string, options: LockOptions): Promise<() => Promise<void>> => {
  let waited = false
  for (;;) {
    options.signal.throwIfAborted()
    if (await make(path)) return () => rm(path, { force: true })
    const found = await contentOf(path)
    if (found === undefined) continue
    if (!isMarkAlive(found)) {
      await rm(path, { force: true })
      continue
    }
    if (!waited) options.onWait()
    waited = true
    await sleep(options.clock, pollMs)
  }
}

/** What a process leaves for others to see whether it still runs. */
export const ownMark = (): string => JSON.stringify({ pid: process.pid, started: startOfProcess(process.pid) })

/** Whether the process that left this mark still runs. */
export const isMarkAlive = (mark: string): boolean => {
  try {
    const { pid, started } = JSON.parse(mark) as ProcessMark
    // Why: a signal to 0 or below goes to groups of processes, not to one.
    return Number.isSafeInteger(pid) && pid > 0 && typeof started === 'string' && isProcessAlive({ pid, started })
  } catch {
    return false
  }
}

/** What is in the lock; undefined when it is there no more. */
const contentOf = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Makes the lock with all that is in it; false when it is there already. */
const make = async (path: string): Promise<boolean> => {
  const written = join(dirname(path), `.lock.${randomUUID()}`)
  try {
    await writeFile(written, ownMark(), { flag: 'wx' })
    await link(written, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await rm(written, { force: true })
  }
}
