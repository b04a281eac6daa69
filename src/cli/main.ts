import { buffer } from 'node:stream/consumers'
import { didYouMean } from '../lib/index.ts'
import type { Command, CommandContext } from './command.ts'
import { Refusal, UsageError } from './command.ts'
import type { ListedCommand } from './command-list.ts'
import { commandList } from './command-list.ts'
import { commandHelp, generalHelp } from './help.ts'

const wantsHelp = (args: readonly string[]): boolean => args.includes('--help') || args.includes('-h')

/** Runs a command line; the result is the exit code. */
export const runCommandLine = async (context: CommandContext): Promise<number> => {
  const [name, ...args] = context.args
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    context.out(generalHelp())
    return name === undefined ? 2 : 0
  }
  if (name === '--version' || name === '-v') {
    const { packageVersion } = await import('../app/package-info.ts')
    context.out(`${packageVersion}\n`)
    return 0
  }
  const listed = commandList.find((command) => command.name === name)
  if (listed === undefined) {
    const known = commandList.map((command) => command.name)
    const message = `unknown command '${name}'${didYouMean(name, known)}`
    outJson(context, message, 'wrong_usage')
    context.err(`slipway: ${message}\nslipway --help lists the commands.\n`)
    return 2
  }
  const command = await listed.load()
  if (wantsHelp(args)) {
    context.out(commandHelp(listed, command))
    return 0
  }
  return runCommand(listed, command, { ...context, args })
}

const runCommand = async (listed: ListedCommand, command: Command, context: CommandContext): Promise<number> => {
  try {
    return await command.run(context)
  } catch (error) {
    if (error instanceof UsageError || (error instanceof Error && error.name === 'ConfigProblems')) {
      outJson(context, error.message, 'wrong_usage')
      context.err(`slipway ${listed.name}: ${error.message}\n'slipway ${listed.name} --help' shows how to use it.\n`)
      return 2
    }
    const message = error instanceof Error ? error.message : String(error)
    outJson(context, message, error instanceof Refusal ? error.code : 'failed')
    context.err(`slipway ${listed.name}: ${message}\n`)
    return 1
  }
}

/** A failure for programs: they read standard output. */
const outJson = (context: CommandContext, error: string, code: string): void => {
  if (context.args.includes('--json')) context.out(`${JSON.stringify({ error, code })}\n`)
}

/** The program: runs the process's command line and sets its exit code. */
export const main = async (): Promise<void> => {
  // Why: a reader that has seen enough, as in `slipway … | head`, is no failure.
  process.stdout.on('error', () => process.exit(0))
  process.exitCode = await runCommandLine({
    args: process.argv.slice(2),
    environment: process.env,
    directory: process.cwd(),
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    input: async () => new Uint8Array(await buffer(process.stdin)),
    terminal: process.stdout.isTTY,
  })
}
