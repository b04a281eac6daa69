import { SlipwayClient, SlipwayError } from '../client/index.ts'
import { didYouMean } from '../lib/index.ts'
import type { ClientArgs } from './client-options.ts'
import { clientArgs, commonFlags } from './client-options.ts'
import type { Command, CommandContext, Flag } from './command.ts'
import { Refusal, UsageError } from './command.ts'
import { printable } from './printable.ts'
import { unreachable } from './server-client.ts'

/** What an action shows: for programs, and for people. */
export interface Shown {
  readonly value: unknown
  readonly text: string
}

export interface ActionArgs extends ClientArgs {
  readonly api: SlipwayClient
  /** The words after the action's name; as many as its form has, those in brackets may be missing. */
  readonly words: readonly string[]
  /** Writes to standard error. */
  err(text: string): void
}

/** One thing that a command does, `rename EXPERIMENT NAME`. */
export interface Action {
  /** Its words; those in brackets may be left out. */
  readonly form: string
  readonly doc: string
  run(args: ActionArgs): Promise<Shown>
}

const nameOf = ({ form }: Action): string => form.split(' ')[0] ?? ''

/** The words that an action was given. Throws UsageError when one is missing or too many. */
const wordsOf = (action: Action, given: readonly string[]): readonly string[] => {
  const wanted = action.form.split(' ').slice(1)
  const missing = wanted[given.length]
  if (missing !== undefined && !missing.startsWith('[')) throw new UsageError(`${missing} is missing: ${action.form}`)
  const extra = given[wanted.length]
  if (extra !== undefined) throw new UsageError(`unexpected '${extra}'`)
  return given
}

/** Calls the server; what it refuses, or that it isn't there, becomes a Refusal. */
export const asking = async <T>(url: URL, ask: () => Promise<T>): Promise<T> => {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof SlipwayError) throw new Refusal(error.message, error.code)
    const { cause } = error as { readonly cause?: unknown }
    if (error instanceof TypeError && cause instanceof Error) throw unreachable(url, cause)
    throw error
  }
}

/** Runs one of some actions by the first word. */
export const runAction = async (
  context: CommandContext,
  args: ClientArgs,
  actions: readonly Action[],
): Promise<number> => {
  const [name = '', ...words] = args.positionals
  const action = actions.find((each) => nameOf(each) === name)
  if (action === undefined) {
    const names = actions.map(nameOf)
    throw new UsageError(`'${name}' is not one of ${names.join(', ')}${didYouMean(name, names)}`)
  }
  const { url, key } = args.client
  const api = new SlipwayClient({ url: url.href, ...(key === undefined ? {} : { key }) })
  const shown = await asking(url, () => action.run({ ...args, api, words: wordsOf(action, words), err: context.err }))
  context.out(printable(args.json ? `${JSON.stringify(shown.value)}\n` : shown.text))
  return 0
}

export const actionWords = (actions: readonly Action[]): readonly (readonly [string, string])[] =>
  actions.map(({ form, doc }) => [form, doc])

/** A command that does one of some actions; without a word it does the first. */
export const actionCommand = (
  actions: readonly Action[],
  { flags, examples }: { readonly flags: readonly Flag[]; readonly examples: readonly string[] },
): Command => {
  const all = [...flags, ...commonFlags]
  return {
    usage: actions.map(({ form }) => form).join(' | '),
    words: actionWords(actions),
    flags: all,
    examples,
    run(context) {
      const args = clientArgs(context, all)
      const [first] = actions
      const positionals = args.positionals.length === 0 && first !== undefined ? [nameOf(first)] : args.positionals
      return runAction(context, { ...args, positionals }, actions)
    },
  }
}

/** A command that does one thing; its name is the first word of the action's form. */
export const soleActionCommand = (
  action: Action,
  { flags, examples }: { readonly flags: readonly Flag[]; readonly examples: readonly string[] },
): Command => {
  const all = [...flags, ...commonFlags]
  const name = nameOf(action)
  return {
    usage: action.form.slice(name.length + 1),
    flags: all,
    examples,
    run(context) {
      const args = clientArgs(context, all)
      return runAction(context, { ...args, positionals: [name, ...args.positionals] }, [action])
    },
  }
}
