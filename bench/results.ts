import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { machine, versions } from './machine.ts'
import type { Machine } from './machine.ts'
import { figureTable } from './summary.ts'
import type { Figure, Targets } from './summary.ts'

/** One part's figures with where they come from; parts of one file may be from different runs. */
export interface PartResult {
  readonly date: string
  readonly command: string
  readonly machine: Machine
  readonly versions: Readonly<Record<string, string>>
  /** Share of the cores that something else used just before. */
  readonly busyBefore: number
  readonly figures: readonly Figure[]
}

type Results = Readonly<Record<string, PartResult>>

const resultsFile = (name: string): string => fileURLToPath(new URL(`results/${name}`, import.meta.url))

export const partResult = (command: string, busyBefore: number, figures: readonly Figure[]): PartResult => ({
  date: new Date().toISOString(),
  command,
  machine: machine(),
  versions: versions(),
  busyBefore,
  figures,
})

const readResults = async (bench: string): Promise<Results> => {
  const text = await readFile(resultsFile(`${bench}.json`), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}'
    throw error
  })
  return JSON.parse(text) as Results
}

const markdown = (bench: string, results: Results, targets: Targets): string => {
  const sections = Object.entries(results).map(([part, result]) => {
    const { cpu, cores, memoryGb } = result.machine
    const software = Object.entries(result.versions).map(([name, version]) => `${name} ${version}`)
    const busy = `${Math.round(result.busyBefore * 100)} % busy before`
    return [
      `## ${part}`,
      `\`${result.command}\`, ${result.date.slice(0, 10)}, ${cpu}, ${cores} cores, ${memoryGb} GB, ${busy}, ${software.join(', ')}`,
      figureTable(result.figures, targets),
    ].join('\n\n')
  })
  return `${[`# ${bench}`, 'Written by the bench itself; run it again rather than edit.', ...sections].join('\n\n')}\n`
}

/** What a file of results is about. */
export interface ResultsHead {
  readonly bench: string
  /** Names of the parts in the order in which the file lists them. */
  readonly order: readonly string[]
  readonly targets: Targets
}

/** Writes results/BENCH.json and .md; parts that weren't measured now keep their last result with its date. */
export const saveResults = async (head: ResultsHead, measured: Results): Promise<void> => {
  const all = { ...(await readResults(head.bench)), ...measured }
  const ordered = Object.fromEntries(head.order.flatMap((part) => (all[part] === undefined ? [] : [[part, all[part]]])))
  await mkdir(resultsFile('.'), { recursive: true })
  await writeFile(resultsFile(`${head.bench}.json`), `${JSON.stringify(ordered, undefined, 2)}\n`)
  await writeFile(resultsFile(`${head.bench}.md`), markdown(head.bench, ordered, head.targets))
}
