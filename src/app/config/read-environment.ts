import { didYouMean } from '../../lib/index.ts'
import type { GivenValues } from './given.ts'
import { optionList } from './option-list.ts'

/** Variables with the prefix that are not options of the server: the client commands and the packaging read them. */
const otherVariables: ReadonlySet<string> = new Set(['SLIPWAY_SERVER', 'SLIPWAY_KEY', 'SLIPWAY_CONFIG'])

/** Reads the options among the environment's variables; an unknown one with the prefix is a mistake worth telling. */
export const readEnvironment = (environment: Readonly<Record<string, string | undefined>>): GivenValues => {
  const byVariable = new Map(optionList.map((named) => [named.variable, named]))
  const values = []
  const problems = []
  for (const [variable, raw] of Object.entries(environment)) {
    if (!variable.startsWith('SLIPWAY_') || raw === undefined || otherVariables.has(variable)) continue
    const named = byVariable.get(variable)
    if (named === undefined)
      problems.push(`unknown variable ${variable}${didYouMean(variable, [...byVariable.keys()])}`)
    else values.push({ path: named.path, raw, source: variable })
  }
  return { values, problems }
}
