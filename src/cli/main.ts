import { buffer } from 'node:stream/consumers'
import { didYouMean, reasonOf, systemClock } from '../lib/index.ts'
import type { CommandContext } from './command.ts'
import { Refusal, UsageError } from './command.ts'
import type { ListedCommand } from './command-list.ts'
import { commandList } from './command-list.ts'
import { commandHelp, generalHelp } from './help.ts'
import { endingCleanly } from './ending-cleanly.ts'
import { printable } from './printable.ts'
import { StandardError } from './standard-error.ts'

const wantsHelp = (args: readonly string[]): boolean => args.includes('--help') || args.includes('-h')

/** Runs a command line; the result is the exit code. */
export const runCommandLine = async (context: CommandContext): Promise<number> => {
  try {
    return await dispatch(context)
  } catch (error) {
    return tell(context, failureOf(error), 'slipway --help lists the commands')
  }
}

const dispatch = async (context: CommandContext): Promise<number> => {
  const [name, ...args] = context.args
  if (name === 'help') return help(context, args)
  if (name === undefined || name === '--help' || name === '-h') {
    context.out(generalHelp())
    return name === undefined ? 2 : 0
  }
  if (name === '--version' || name === '-v') {
    const { packageVersion } = await import('../app/package-info.ts')
    context.out(`${packageVersion}\n`)
    return 0
  }
  const listed = listedCommand(name)
  if (wantsHelp(args)) return help(context, [name])
  const command = await listed.load()
  try {
    const run = (): Promise<number> => command.run({ ...context, args })
    return await (command.drains === true ? run() : endingCleanly(run))
  } catch (error) {
    return tell(context, failureOf(error), `slipway ${name} --help shows how to use it`, name)
  }
}

const listedCommand = (name: string): ListedCommand => {
  const listed = commandList.find((command) => command.name === name)
  if (listed !== undefined) return listed
  const names = commandList.map((command) => command.name)
  throw new UsageError(
    name.startsWith('-')
      ? `unknown flag ${name}${didYouMean(name, ['--help', '--version'])}`
      : `unknown command '${name}'${didYouMean(name, [...names, 'help'])}`,
  )
}

/** `slipway help`, `slipway help COMMAND`. */
const help = async (context: CommandContext, args: readonly string[]): Promise<number> => {
  const [name, ...others] = args.filter((arg) => !['--help', '-h', '--json'].includes(arg))
  if (name === undefined || name === 'help') {
    context.out(generalHelp())
    return 0
  }
  const listed = listedCommand(name)
  if (others[0] !== undefined) throw new UsageError(`unexpected '${others[0]}'`)
  context.out(commandHelp(listed, await listed.load()))
  return 0
}

interface Failure {
  readonly code: string
  readonly message: string
}

const wrongUsage = 'wrong_usage'

const failureOf = (error: unknown): Failure => {
  const message = reasonOf(error)
  if (error instanceof UsageError || (error instanceof Error && error.name === 'ConfigProblems'))
    return { code: wrongUsage, message }
  return { code: error instanceof Refusal ? error.code : 'failed', message }
}

/** Tells a failure on standard error, as text or as one line of JSON; standard output has results only. */
const tell = (context: CommandContext, failure: Failure, hint: string, command = ''): number => {
  const usage = failure.code === wrongUsage
  if (context.args.includes('--json')) {
    context.err(printable(`${JSON.stringify({ error: failure })}\n`))
  } else {
    const at = command === '' ? 'slipway' : `slipway ${command}`
    context.err(printable(`${at}: ${failure.message}\n${usage ? `${hint}.\n` : ''}`))
  }
  return usage ? 2 : 1
}

/** The program: runs the process's command line and sets its exit code. */
export const main = async (): Promise<void> => {
  const args = process.argv.slice(2)
  const standardError = new StandardError(process.stderr, systemClock)
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // Why: a server is not there for its output.
    if (args[0] === 'up') return
    // A reader that has seen enough, as in `slipway … | head`, is no failure.
    if (error.code === 'EPIPE') process.exit(0)
    standardError.write(`slipway: standard output can't be written: ${error.message}\n`)
    process.exit(1)
  })
  const code = await runCommandLine({
    args,
    environment: process.env,
    directory: process.cwd(),
    out: (text) => process.stdout.write(text),
    err: (text) => standardError.write(text),
    input: async () => new Uint8Array(await buffer(process.stdin)),
    terminal: process.stdout.isTTY,
  })
  process.exitCode = code
  if (!(await standardError.end())) process.exit(code)
}
