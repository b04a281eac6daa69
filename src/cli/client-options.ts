import type { CommandContext, Flag } from './command.ts'
import { UsageError } from './command.ts'
import { parseFlags } from './parse-flags.ts'
import { ServerClient } from './server-client.ts'

const serverDefault = 'http://127.0.0.1:8080'

/** The flags that every client command has. */
export const commonFlags: readonly Flag[] = [
  { name: 'server', value: 'URL', doc: 'the server', default: `SLIPWAY_SERVER, or ${serverDefault}` },
  { name: 'key', value: 'KEY', doc: 'the key to show it', default: 'SLIPWAY_KEY' },
  { name: 'json', doc: 'output for programs' },
]

export interface ClientArgs {
  readonly client: ServerClient
  readonly json: boolean
  readonly positionals: readonly string[]
  /** Value of one of the command's own flags; undefined when absent. */
  text(name: string): string | undefined
  /** Whether a switch was given. */
  isSet(name: string): boolean
}

/** Reads the arguments of a client command by its flags, the common ones among them. Throws UsageError. */
export const clientArgs = (context: CommandContext, flags: readonly Flag[]): ClientArgs => {
  const { values, words } = parseFlags(context.args, flags)
  const text = (name: string): string | undefined => {
    const value = values.get(name)
    return value === true ? undefined : value
  }
  const url = text('server') ?? context.environment['SLIPWAY_SERVER'] ?? serverDefault
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new UsageError(`--server '${url}' is not an http:// or https:// URL`)
  return {
    client: new ServerClient(new URL(url), text('key') ?? context.environment['SLIPWAY_KEY']),
    json: values.has('json'),
    positionals: words,
    text,
    isSet: (name) => values.has(name),
  }
}

/** The one positional argument, named for the message when it is missing. */
export const onePositional = (args: ClientArgs, name: string): string => {
  const [first, ...others] = args.positionals
  if (first === undefined) throw new UsageError(`${name} is missing`)
  if (others.length > 0) throw new UsageError(`unexpected '${others[0] ?? ''}'`)
  return first
}
