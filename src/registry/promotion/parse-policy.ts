import { didYouMean } from '../../lib/index.ts'
import { fail, readYaml, YamlError } from '../../protocol/index.ts'
import type { Stage } from '../registered-model.ts'
import { stages } from '../registered-model.ts'
import { parseCondition } from './parse-condition.ts'
import { Problems } from './problems.ts'
import type { PolicyRule, PromotionPolicy, RuleTarget } from './policy.ts'

/**
 * A policy as it is written:
 * `{"aliases": {"champion": [CONDITION, …], "prod-*": […]}, "stages": {"Production": […]}}`, a condition being an object
 * of one key: `{"metric": {"key": "auc", "min": 0.9}}` and so on; see `Condition` for what each means.
 */
export interface PolicyDocument {
  readonly aliases?: Readonly<Record<string, readonly unknown[]>>
  readonly stages?: Readonly<Record<string, readonly unknown[]>>
}

const charactersMax = 262_144
const rulesMax = 100
const conditionsMax = 50

/** Reads YAML, which JSON is a part of. */
const readText = (text: string): unknown => {
  if (text.length > charactersMax) throw refused([`it has ${text.length} characters; ${charactersMax} are allowed`])
  try {
    return readYaml(text)
  } catch (error) {
    if (error instanceof YamlError) throw refused([error.message])
    throw error
  }
}

const refused = (problems: readonly string[]): Error =>
  fail('invalid_parameter', {
    reason: `The promotion policy has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}: ${problems.join('; ')}.`,
  })

const aliasTarget = (pattern: string, path: string, problems: Problems): RuleTarget | undefined => {
  if (/^[\w*-]{1,255}$/.test(pattern)) return { kind: 'alias', pattern }
  problems.add(path, `an alias holds letters, digits, - and _; * stands for any of them`)
  return undefined
}

const stageTarget = (name: string, path: string, problems: Problems): RuleTarget | undefined => {
  const stage = stages.find((known): known is Stage => known.toLowerCase() === name.toLowerCase())
  if (stage !== undefined) return { kind: 'stage', stage }
  problems.add(path, `there is no such stage, only ${stages.join(', ')}${didYouMean(name, stages)}`)
  return undefined
}

const rulesOf = (
  value: unknown,
  path: string,
  problems: Problems,
  targetOf: (key: string, path: string, problems: Problems) => RuleTarget | undefined,
): PolicyRule[] => {
  if (value === undefined) return []
  const entries = problems.entries(value, path) ?? []
  return entries.flatMap(([key, list]) => {
    const at = `${path}.${key}`
    const target = targetOf(key, at, problems)
    if (!Array.isArray(list) || list.length === 0) {
      problems.add(at, 'must be a list of conditions')
      return []
    }
    if (list.length > conditionsMax) {
      problems.add(at, `has ${list.length} conditions; ${conditionsMax} are allowed`)
      return []
    }
    const conditions = list.map((each, index) => parseCondition(each, `${at}[${index}]`, problems))
    if (target === undefined) return []
    return [{ target, conditions: conditions.filter((condition) => condition !== undefined) }]
  })
}

/** Checks a policy, given as YAML or JSON text or as what was read of it. Fails naming all that is wrong with it. */
export const parsePolicy = (given: unknown): { policy: PromotionPolicy; document: PolicyDocument } => {
  const value = typeof given === 'string' ? readText(given) : given
  const problems = new Problems()
  const fields = problems.fields(value, 'the policy', ['aliases', 'stages'])
  const rules = [
    ...rulesOf(fields?.['aliases'], 'aliases', problems, aliasTarget),
    ...rulesOf(fields?.['stages'], 'stages', problems, stageTarget),
  ]
  if (fields !== undefined && rules.length === 0 && problems.all.length === 0)
    problems.add('the policy', 'guards nothing; delete it instead')
  if (rules.length > rulesMax) problems.add('the policy', `has ${rules.length} rules; ${rulesMax} are allowed`)
  if (problems.all.length > 0) throw refused(problems.all)
  const text = JSON.stringify(value)
  if (text.length > charactersMax) throw refused([`it has ${text.length} characters; ${charactersMax} are allowed`])
  return { policy: { rules }, document: JSON.parse(text) as PolicyDocument }
}
