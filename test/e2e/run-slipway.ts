import { runCommandLine } from '../../src/cli/main.ts'
import type { TestApp } from '../../src/testing/index.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface RunSlipwayOptions {
  /** The data folder of the server, if there is one, unless given. */
  readonly directory?: string
  /** Beside the address of the server. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** What a command finds on its standard input. */
  readonly input?: string
  /** Whether its output goes to a terminal. */
  readonly terminal?: boolean
}

/** Runs the command line in this process, as a shell would, with a test's server, if given, as its own. */
export const runSlipway = async (
  app: TestApp | undefined,
  args: readonly string[],
  { directory = app?.dataDir ?? '.', environment = {}, input = '', terminal = false }: RunSlipwayOptions = {},
): Promise<Ran> => {
  let out = ''
  let err = ''
  const code = await runCommandLine({
    args,
    environment: { ...(app === undefined ? {} : { SLIPWAY_SERVER: app.addresses.http }), ...environment },
    directory,
    out: (text) => (out += text),
    err: (text) => (err += text),
    input: () => Promise.resolve(new TextEncoder().encode(input)),
    terminal,
  })
  return { code, out, err }
}
