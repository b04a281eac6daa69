import { statSync } from 'node:fs'
import { SlipwayClient } from '../../client/index.ts'
import { didYouMean } from '../../lib/index.ts'
import { asking } from '../action-command.ts'
import { clientArgs, commonFlags } from '../client-options.ts'
import type { ClientArgs } from '../client-options.ts'
import type { Command, CommandContext, Flag } from '../command.ts'
import { UsageError } from '../command.ts'
import { bytesText } from '../format.ts'
import type { ImportSender } from '../import/import-sender.ts'
import { drySender, ServerSender } from '../import/import-sender.ts'
import type { ImportSource } from '../import/import-source.ts'
import { Importer } from '../import/importer.ts'
import { openDatabase, openMlruns } from '../import/open-source.ts'
import type { SourceOptions } from '../import/open-source.ts'
import type { ImportKind, ImportSummary } from '../import/report.ts'
import { importKinds, ImportReport } from '../import/report.ts'
import { printable } from '../printable.ts'
import { table } from '../table.ts'

const flags: readonly Flag[] = [
  { name: 'artifacts', value: 'DIR', doc: 'where the artifacts are; without it, those of a database are left out' },
  { name: 'dry-run', doc: 'read everything and say what is there, but send nothing' },
  ...commonFlags,
]

const openers: Readonly<Record<string, readonly [word: string, open: (options: SourceOptions) => ImportSource]>> = {
  mlruns: ['DIR', openMlruns],
  sqlite: ['FILE', openDatabase],
}

/** Brings what MLflow kept in files or in a SQLite database to a server. */
export const importCommand: Command = {
  usage: 'mlruns DIR | sqlite FILE',
  words: [
    ['mlruns DIR', "a folder of MLflow's file store"],
    ['sqlite FILE', "MLflow's SQLite database"],
  ],
  flags,
  examples: [
    'slipway import mlruns ./mlruns',
    'slipway import sqlite ./mlflow.db --artifacts ./mlartifacts',
    'slipway import mlruns ./mlruns --dry-run --json',
  ],
  async run(context) {
    const args = clientArgs(context, flags)
    const [kind = '', path, ...others] = args.positionals
    const opener = Object.hasOwn(openers, kind) ? openers[kind] : undefined
    if (opener === undefined) {
      const kinds = Object.keys(openers)
      if (kind === '')
        throw new UsageError(
          `say what to import: ${kinds.map((each) => `${each} ${openers[each]?.[0] ?? ''}`).join(', or ')}`,
        )
      const found = statSync(kind, { throwIfNoEntry: false })
      if (found !== undefined)
        throw new UsageError(
          `say what '${kind}' is: slipway import ${found.isDirectory() ? 'mlruns' : 'sqlite'} ${kind}`,
        )
      throw new UsageError(`'${kind}' is not one of ${kinds.join(', ')}${didYouMean(kind, kinds)}`)
    }
    if (path === undefined) throw new UsageError(`${opener[0]} is missing: ${kind} ${opener[0]}`)
    if (others[0] !== undefined) throw new UsageError(`unexpected '${others[0]}'`)
    const summary = await importFrom(context, args, { path, open: opener[1] })
    context.out(printable(args.json ? `${JSON.stringify(summary)}\n` : summaryText(summary)))
    return summary.problems.length === 0 ? 0 : 1
  },
}

const importFrom = async (
  context: CommandContext,
  args: ClientArgs,
  { path, open }: { readonly path: string; readonly open: (options: SourceOptions) => ImportSource },
): Promise<ImportSummary> => {
  const isDry = args.isSet('dry-run')
  const progress = new Progress(context, context.terminal && !args.json)
  const report: ImportReport = new ImportReport(() => progress.step(report))
  using source = open({ path, artifacts: args.text('artifacts'), report })
  const importer = new Importer(source, isDry ? drySender : serverSender(args), report)
  try {
    await asking(args.client.url, () => importer.run())
  } finally {
    progress.end()
  }
  return report.summary(path, isDry)
}

const serverSender = ({ client }: ClientArgs): ImportSender => {
  const { url, key } = client
  return new ServerSender(new SlipwayClient({ url: url.href, ...(key === undefined ? {} : { key }) }), client)
}

/** Steps after which the line is written anew. */
const stepsShown = 500

/** One line on standard error that says how far it is. */
class Progress {
  readonly #context: CommandContext
  readonly #isShown: boolean
  #steps = 0

  constructor(context: CommandContext, isShown: boolean) {
    this.#context = context
    this.#isShown = isShown
  }

  step(report: ImportReport): void {
    this.#steps += 1
    if (!this.#isShown || this.#steps % stepsShown !== 1) return
    const parts = importKinds
      .filter((kind) => report.found(kind) > 0)
      .map((kind) => `${report.found(kind)} ${names[kind]}`)
    this.#context.err(`\r\u001b[K${parts.join(', ')}`)
  }

  end(): void {
    if (this.#isShown) this.#context.err('\r\u001b[K')
  }
}

const names: Readonly<Record<ImportKind, string>> = {
  experiments: 'experiments',
  runs: 'runs',
  points: 'metric points',
  loggedModels: 'logged models',
  traces: 'traces',
  files: 'artifacts',
  registeredModels: 'registered models',
  versions: 'versions',
  aliases: 'aliases',
}

const summaryText = (summary: ImportSummary): string => {
  const rows = importKinds
    .map((kind) => [kind, summary.counts[kind]] as const)
    .filter(([, { found }]) => found > 0)
    .map(([kind, { found, created, present, conflict, refused }]) => [
      names[kind],
      ...[found, created, present, conflict, refused].map(String),
    ])
  const head = ['', 'found', summary.dryRun ? 'to send' : 'new', 'already there', 'conflicts', 'refused']
  const lines = [
    ...summary.experiments.map(({ name, from, to }) => `experiment '${name}' was ${from} and is ${to} here`),
    ...Object.entries(summary.leftOut).map(([what, count]) => `left out: ${count} ${what}`),
    ...summary.problems.map(({ kind, what, reason }) => `${kind}: ${what}: ${reason}`),
    ...(summary.problemsUnlisted > 0 ? [`and ${summary.problemsUnlisted} more`] : []),
    ...(summary.bytes > 0 ? [`${bytesText(summary.bytes)} of artifacts ${summary.dryRun ? 'to send' : 'sent'}`] : []),
  ]
  return table(head, rows) + lines.map((line) => `${line}\n`).join('')
}
