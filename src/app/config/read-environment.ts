import { didYouMean } from '../../lib/index.ts'
import type { GivenValues } from './given.ts'
import { optionList, variableOf } from './option-list.ts'

/** Variables with the prefix that are not options of the server: the client commands and the packaging read them. */
const otherVariables: ReadonlySet<string> = new Set(['SLIPWAY_SERVER', 'SLIPWAY_KEY', 'SLIPWAY_CONFIG'])

const byVariable = new Map(optionList.map((named) => [named.variable, named]))

/** What a variable would be called if it went by the short flag, with the name it has. */
const shortNames: ReadonlyMap<string, string> = new Map(
  optionList.flatMap(({ option, variable }) =>
    option.flag === undefined || variableOf(option.flag) === variable ? [] : [[variableOf(option.flag), variable]],
  ),
)

/** Variables that Kubernetes gives every container for a Service called slipway (its documentation, "Environment variables"). */
const isServiceLink = (variable: string, value: string): boolean =>
  /^SLIPWAY_(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/.test(variable) ||
  (variable === 'SLIPWAY_PORT' && /^(tcp|udp|sctp):\/\//.test(value))

/** Reads the options among the environment's variables; an unknown one with the prefix is a mistake worth telling. */
export const readEnvironment = (environment: Readonly<Record<string, string | undefined>>): GivenValues => {
  const values = []
  const problems = []
  for (const [variable, raw] of Object.entries(environment)) {
    if (!variable.startsWith('SLIPWAY_') || raw === undefined || otherVariables.has(variable)) continue
    if (isServiceLink(variable, raw)) continue
    const named = byVariable.get(variable)
    if (named === undefined) problems.push(`unknown variable ${variable}${hint(variable)}`)
    else values.push({ path: named.path, raw, source: variable })
  }
  return { values, problems }
}

/** A short name stands for the whole one; so does the end of a name when no other ends so; else what is nearest. */
const hint = (variable: string): string => {
  const known = [...byVariable.keys(), ...otherVariables]
  const ending = known.filter((name) => name.endsWith(variable.slice('SLIPWAY'.length)))
  const meant = shortNames.get(variable) ?? (ending.length === 1 ? ending[0] : undefined)
  if (meant !== undefined) return `; did you mean '${meant}'?`
  return didYouMean(variable, [...known, ...shortNames.keys()]).replace(
    /'(.+)'/,
    (_, name: string) => `'${shortNames.get(name) ?? name}'`,
  )
}
