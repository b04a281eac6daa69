import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { isProcessAlive, startOfProcess } from '../lib/index.ts'
import type { Clock } from '../lib/index.ts'

/** Names the servers that use the data folder, as JSON. */
const lockFile = 'slipway.lock'
/** The next content of the lock file; whoever makes it may change the lock. */
const nextFile = 'slipway.lock.next'
/** A change takes a few system calls without a pause in between, so its maker has died when it is this old. */
const changeMsMax = 1000
const pauseMs = 5
/** Enough to outlast a change whose maker died. */
const triesMax = 400

/** A server that uses the data folder. */
interface Holder {
  readonly pid: number
  /** When the process started, in ticks since boot; tells it from a later one of the same number. Empty where unknown. */
  readonly started: string
  /** Whether it was started to share its port, and so the folder, with the server that follows it. */
  readonly shared: boolean
}

export interface DataLock {
  release(): void
}

/**
 * Takes the lock of a data folder. Servers that were all started as shared hold it together; otherwise one does. What
 * dead processes hold counts for nothing. Processes in other containers are not seen. Throws an Error that names the
 * folder and the process, or the file system's error.
 */
export const takeDataLock = (
  folder: string,
  { clock, shared }: { readonly clock: Clock; readonly shared: boolean },
): DataLock => {
  const own: Holder = { pid: process.pid, started: startOfProcess(process.pid), shared }
  change({ folder, clock }, (holders) => {
    const other = holders.find((holder) => !shared || !holder.shared)
    if (other === undefined) return [...holders, own]
    throw new Error(
      `the data folder ${folder} is in use by the server with process id ${other.pid}; stop that one, ` +
        'choose another folder with --data-dir, or start both with --http.reuse-port to replace one by the other',
    )
  })
  return {
    release() {
      try {
        change({ folder, clock }, (holders) => {
          const at = holders.findIndex(({ pid, started }) => pid === own.pid && started === own.started)
          return holders.filter((_, index) => index !== at)
        })
      } catch {
        // The folder is gone or full; a lock that stays behind is soon that of a dead process.
      }
    },
  }
}

/** Waiting on this blocks the thread: others hold the lock so shortly that a start has nothing better to do. */
const pause = new Int32Array(new SharedArrayBuffer(4))

interface Place {
  readonly folder: string
  readonly clock: Clock
}

/** Replaces the living holders. One process at a time gets to; none sees a half-written file. */
const change = ({ folder, clock }: Place, replace: (living: Holder[]) => Holder[]): void => {
  const [path, next] = [join(folder, lockFile), join(folder, nextFile)]
  for (let tries = 1; ; tries++) {
    try {
      changeAtOnce(path, next, replace)
      return
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EEXIST' || tries === triesMax) throw error
    }
    const made = statSync(next, { throwIfNoEntry: false })
    if (made !== undefined && clock.wallMs() - made.mtimeMs > changeMsMax) rmSync(next, { force: true })
    else Atomics.wait(pause, 0, 0, pauseMs)
  }
}

const changeAtOnce = (path: string, next: string, replace: (living: Holder[]) => Holder[]): void => {
  const file = openSync(next, 'wx')
  let renamed = false
  try {
    const holders = replace(readHolders(path).filter(isProcessAlive))
    if (holders.length === 0) {
      rmSync(path, { force: true })
    } else {
      writeSync(file, `${JSON.stringify(holders)}\n`)
      renameSync(next, path)
      renamed = true
    }
  } finally {
    closeSync(file)
    // Why: once renamed, a file of that name is another server's.
    if (!renamed) rmSync(next, { force: true })
  }
}

/** The holders that the lock file names; a file that names none in the right form, as after a power cut, locks nothing. */
const readHolders = (path: string): Holder[] => {
  try {
    const holders: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return Array.isArray(holders) ? holders.filter(isHolder) : []
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

const isHolder = (value: unknown): value is Holder => {
  const { pid, started } = (value ?? {}) as Partial<Record<keyof Holder, unknown>>
  // Why: a signal to 0 or below goes to groups of processes, not to one.
  return Number.isSafeInteger(pid) && Number(pid) > 0 && typeof started === 'string'
}
