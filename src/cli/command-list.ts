import type { Command } from './command.ts'

export interface ListedCommand {
  readonly name: string
  readonly summary: string
  readonly group: 'Server' | 'Models' | 'Tools'
  /** Commands are loaded when used, so that starting a server doesn't wait for the others. */
  load(): Promise<Command>
}

/** Every command, in the order of the help. */
export const commandList: readonly ListedCommand[] = [
  {
    name: 'up',
    summary: 'start the server',
    group: 'Server',
    load: async () => (await import('./commands/up.ts')).up,
  },
  {
    name: 'config',
    summary: 'print, check or document the configuration',
    group: 'Tools',
    load: async () => (await import('./commands/config.ts')).config,
  },
]
