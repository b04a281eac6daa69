import { fileURLToPath } from 'node:url'
import { siblingModule } from '../lib/index.ts'

/** What is run as a host process. */
export interface HostProgram {
  readonly command: string
  readonly args: readonly string[]
  /** Variables of its own, beside those of all hosts. */
  readonly environment?: Readonly<Record<string, string>>
}

/** The host of every engine that runs in Node. */
export const nodeHost: HostProgram = {
  command: process.execPath,
  args: [
    '--disable-warning=ExperimentalWarning',
    '--expose-gc',
    fileURLToPath(siblingModule(import.meta.url, './main')),
  ],
}

/**
 * The host of Python models, run by `interpreter`: isolated, so that neither the environment nor the working directory
 * adds to its path; leaving no compiled files beside the model's; with UTF-8 whatever the locale.
 */
export const pythonHost = (interpreter: string): HostProgram => ({
  command: interpreter,
  args: ['-I', '-B', '-X', 'utf8', fileURLToPath(new URL('./python/main.py', import.meta.url))],
})
