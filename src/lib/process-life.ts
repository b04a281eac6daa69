import { readFileSync } from 'node:fs'

/** A process, and when it started, in ticks since boot, which tells it from a later one of its number; empty where unknown. */
export interface ProcessMark {
  readonly pid: number
  readonly started: string
}

/** When a process started; empty where the system doesn't tell. */
export const startOfProcess = (pid: number): string => statOf(pid)?.started ?? ''

/** Whether the process still runs. Those of other containers are not seen. */
export const isProcessAlive = ({ pid, started }: ProcessMark): boolean => {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it lives, as another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const now = statOf(pid)
  return now === undefined || (now.state !== 'Z' && (started === '' || started === now.started))
}

/** State and start of a process, fields 3 and 22 of proc_pid_stat(5); undefined where the system doesn't tell. */
const statOf = (pid: number): { readonly state: string; readonly started: string } | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name in parentheses before these may hold spaces and parentheses of its own.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0] ?? '', started: fields[19] ?? '' }
  } catch {
    return undefined
  }
}
