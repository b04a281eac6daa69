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
