import { parseArgs } from 'node:util'
import type { ParseArgsOptionsConfig } from 'node:util'
import type { CommandContext } from './command.ts'
import { UsageError } from './command.ts'
import { ServerClient } from './server-client.ts'

const common = {
  server: { type: 'string' },
  key: { type: 'string' },
  json: { type: 'boolean' },
} as const satisfies ParseArgsOptionsConfig

/** The flags that every client command has. */
export const commonOptions: readonly (readonly [string, string])[] = [
  ['--server URL', 'the server; SLIPWAY_SERVER, or http://127.0.0.1:8080'],
  ['--key KEY', 'the key to show it; SLIPWAY_KEY'],
  ['--json', 'output for programs'],
]

export interface ClientArgs {
  readonly client: ServerClient
  readonly json: boolean
  readonly positionals: readonly string[]
  /** Value of one of the command's own flags; undefined when absent. */
  text(name: string): string | undefined
  flag(name: string): boolean
}

/** Reads the arguments of a client command: its own flags and the common ones. Throws UsageError. */
export const clientArgs = (context: CommandContext, own: ParseArgsOptionsConfig = {}): ClientArgs => {
  let parsed: { readonly values: Readonly<Record<string, unknown>>; readonly positionals: readonly string[] }
  try {
    parsed = parseArgs({
      args: [...context.args],
      options: { ...own, ...common },
      allowPositionals: true,
      strict: true,
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
  const { values, positionals } = parsed
  const text = (name: string): string | undefined => (typeof values[name] === 'string' ? values[name] : undefined)
  const url = text('server') ?? context.environment['SLIPWAY_SERVER'] ?? 'http://127.0.0.1:8080'
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new UsageError(`--server '${url}' is not an http:// or https:// URL`)
  return {
    client: new ServerClient(new URL(url), text('key') ?? context.environment['SLIPWAY_KEY']),
    json: values['json'] === true,
    positionals,
    text,
    flag: (name) => values[name] === true,
  }
}

/** The one positional argument, named for the message when it is missing. */
export const onePositional = (args: ClientArgs, name: string): string => {
  const [first, ...others] = args.positionals
  if (first === undefined) throw new UsageError(`${name} is missing`)
  if (others.length > 0) throw new UsageError(`unexpected '${others[0] ?? ''}'`)
  return first
}
