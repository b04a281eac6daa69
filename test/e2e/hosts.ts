import { readdirSync, readFileSync } from 'node:fs'

/** Model hosts that are children of this process. */
export const hosts = (): string[] =>
  readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8')
      .split(' ')
      .filter((pid) => pid !== '' && isHost(pid)),
  )

const isHost = (pid: string): boolean => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('/host/main')
  } catch {
    return false
  }
}

/** Whether there is a process of this number that hasn't ended. */
export const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}
