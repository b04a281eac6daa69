/** What a command is given and may use. */
export interface CommandContext {
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly directory: string
  /** Writes to standard output. */
  out(text: string): void
  /** Writes to standard error. */
  err(text: string): void
  /** Standard input, whole. */
  input(): Promise<Uint8Array>
  /** Whether standard output is a terminal. */
  readonly terminal: boolean
}

/** A flag of a command, declared once: the arguments are read by it and the help is written from it. */
export interface Flag {
  /** Without the dashes. */
  readonly name: string
  /** What stands for the value in the help, e.g. `FILE`; a flag without is a switch. */
  readonly value?: string
  readonly doc: string
  /** What holds when the flag is left out, for the help. */
  readonly default?: string
}

/** A command of the command line. */
export interface Command {
  /** `slipway NAME …`, without the name. */
  readonly usage: string
  /** Words that are no flags, where they need a meaning: [form, meaning]. */
  readonly words?: readonly (readonly [string, string])[]
  readonly flags: readonly Flag[]
  readonly examples: readonly string[]
  /** Ends by itself when a signal asks it to; others are ended at once, with nothing left behind. */
  readonly drains?: true
  /** The exit code: 0 done, 1 refused, 2 wrong usage. */
  run(context: CommandContext): Promise<number>
}

/** Wrong usage: the sentence is shown with the way to the help, exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** The server or the command refused; exit code 1. */
export class Refusal extends Error {
  override name = 'Refusal'
  readonly code: string

  constructor(message: string, code = 'refused') {
    super(message)
    this.code = code
  }
}
