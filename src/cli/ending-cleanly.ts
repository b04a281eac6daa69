import { endPrograms, removeTemporaries } from '../lib/index.ts'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Does the work of a command that a signal ends with nothing left behind: no program that it runs, no temporary folder. */
export const endingCleanly = async <T>(work: () => Promise<T>): Promise<T> => {
  const unlisten = (): void => {
    for (const signal of signals) process.off(signal, end)
  }
  const end = (signal: NodeJS.Signals): void => {
    unlisten()
    endPrograms()
    removeTemporaries()
    // Why: a shell that sees it ended by the signal ends the script that it is in as well.
    process.kill(process.pid, signal)
  }
  for (const signal of signals) process.on(signal, end)
  try {
    return await work()
  } finally {
    unlisten()
  }
}
