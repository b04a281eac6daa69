import { parseArgs } from 'node:util'
import type { Bench } from './bench.ts'
import { python } from './python.ts'
import { registry } from './registry.ts'
import { serving } from './serving.ts'

const benches: readonly Bench[] = [serving, python, registry]

const flags = {
  help: { type: 'boolean', short: 'h', default: false },
  json: { type: 'boolean', default: false },
  quick: { type: 'boolean', default: false },
  check: { type: 'boolean', default: false },
} as const

const help = (): string => {
  const lines = benches.flatMap(({ name, doc, parts }) => [
    `  ${name.padEnd(12)} ${doc}`,
    ...parts.map((part) => `    ${part.name.padEnd(10)} ${part.doc}`),
  ])
  return [
    'npm run bench -- NAME [PART …] [--json] [--quick] [--check]',
    '',
    '  --json    figures as JSON on stdout',
    '  --quick   short rounds that only show that it works; writes no results',
    '  --check   exit 1 when a figure misses its target',
    '',
    'Benches and their parts:',
    ...lines,
  ].join('\n')
}

/** Exit code 2: wrong usage, with what would be right. */
const refuse = (problem: string): number => {
  console.error(`${problem}\n\n${help()}`)
  return 2
}

const main = async (args: readonly string[]): Promise<number> => {
  let given
  try {
    given = parseArgs({ args: [...args], options: flags, allowPositionals: true })
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
  if (given.values.help) {
    console.log(help())
    return 0
  }
  const [name, ...parts] = given.positionals
  const bench = benches.find((candidate) => candidate.name === name)
  if (bench === undefined) return refuse(name === undefined ? 'which bench?' : `there is no bench '${name}'`)
  const unknown = parts.find((part) => !bench.parts.some((known) => known.name === part))
  if (unknown !== undefined) return refuse(`${bench.name} has no part '${unknown}'`)
  const { json, quick, check } = given.values
  if (quick && check) return refuse('--check needs full rounds: a quick run proves no speed')
  return bench.run({ parts, json, quick, check })
}

process.exitCode = await main(process.argv.slice(2))
