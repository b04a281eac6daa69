import { judgeMetric } from './judge-metric.ts'
import type { Condition, MoveTarget, PromotionPolicy } from './policy.ts'
import { rulesFor, targetText } from './policy.ts'
import type { Decision, Judgement, PromotionFacts, Reference } from './promotion-facts.ts'
import { signatureProblems } from './signature-compatibility.ts'

export interface ConditionResult {
  readonly condition: Condition
  readonly passed: boolean
  /** One sentence without a full stop: why it passed or didn't. */
  readonly reason: string
}

export interface PolicyVerdict {
  readonly allowed: boolean
  /** One for each condition that is about the move, in the policy's order. */
  readonly results: readonly ConditionResult[]
}

const passed = (reason: string): Judgement => ({ passed: true, reason })
const failed = (reason: string): Judgement => ({ passed: false, reason })

/** Whether a policy lets a version move, and why: it is the facts alone that decide. */
export const evaluatePolicy = (policy: PromotionPolicy, facts: PromotionFacts): PolicyVerdict => {
  const conditions = rulesFor(policy, facts.target).flatMap((rule) => rule.conditions)
  const results = conditions.map((condition) => ({ condition, ...judge(condition, facts) }))
  return { allowed: results.every((result) => result.passed), results }
}

const judge = (condition: Condition, facts: PromotionFacts): Judgement => {
  switch (condition.kind) {
    case 'metric':
      return judgeMetric(condition, facts, (alias) => referenceOf(alias, facts))
    case 'signature':
      return judgeSignature(condition.compatibleWith, facts)
    case 'driftBaseline':
      return facts.hasDriftBaseline
        ? passed('it has a drift baseline')
        : failed('it has no drift baseline: neither a file drift-baseline.json nor a tag slipway.driftBaseline')
    case 'approval':
      return judgeApproval(condition, facts)
    case 'tag':
      return judgeTag(condition, facts.tags)
    case 'signed':
      return facts.unsignedBecause === undefined
        ? passed('its signature is verified')
        : failed(`it has no verified signature: ${facts.unsignedBecause}`)
  }
}

/**
 * The version that an alias points at. An alias that doesn't exist is let pass only where it is the one to be set, and
 * so set for the first time: policies keep it from being taken off. With any other, taking it off would open the gate.
 */
const referenceOf = (alias: string, facts: PromotionFacts): Reference => {
  const other = facts.aliased.get(alias)
  if (other === undefined)
    return facts.target.kind === 'alias' && facts.target.alias === alias
      ? { kind: 'none', ...passed(`there is no @${alias} yet`) }
      : { kind: 'none', ...failed(`there is no @${alias} to compare with`) }
  if (other.version === facts.version) return { kind: 'none', ...passed(`it is @${alias} itself`) }
  return { kind: 'version', facts: other }
}

const judgeSignature = (alias: string, facts: PromotionFacts): Judgement => {
  const reference = referenceOf(alias, facts)
  if (reference.kind === 'none') return reference
  const { signature: incumbent, version } = reference.facts
  const other = `@${alias} (version ${version})`
  if (incumbent.kind === 'none') return passed(`${other} has no signature to hold it to`)
  if (incumbent.kind === 'unreadable') return failed(`the signature of ${other} can't be read: ${incumbent.reason}`)
  if (facts.signature.kind === 'none') return failed(`it has no signature, while ${other} has`)
  if (facts.signature.kind === 'unreadable') return failed(`its signature can't be read: ${facts.signature.reason}`)
  const problems = signatureProblems(facts.signature.signature, incumbent.signature)
  if (problems.length === 0) return passed(`its signature takes what callers of ${other} send`)
  const shown = problems.slice(0, 5).join(', ')
  const more = problems.length > 5 ? ` and ${problems.length - 5} more` : ''
  return failed(`its signature doesn't fit callers of ${other}: ${shown}${more}`)
}

const judgeApproval = (condition: Extract<Condition, { kind: 'approval' }>, facts: PromotionFacts): Judgement => {
  const { count, from, notAuthor } = condition
  const may = (person: string): boolean =>
    (from === undefined || from.includes(person)) && !(notAuthor && facts.authors.includes(person))
  const people = (decision: Decision['decision']): string[] => [
    ...new Set(
      facts.decisions.filter((each) => each.decision === decision && may(each.person)).map((each) => each.person),
    ),
  ]
  const against = people('rejected')
  if (against.length > 0) return failed(`${against.join(', ')} rejected it`)
  const approved = people('approved')
  if (approved.length >= count) return passed(`${approved.join(', ')} approved it`)
  const who = from === undefined ? '' : ` of ${from.join(', ')}`
  const others = notAuthor ? ', its author not counted' : ''
  return failed(`it has ${approved.length} of ${count} approvals${who}${others}`)
}

const judgeTag = ({ key, value }: Extract<Condition, { kind: 'tag' }>, tags: PromotionFacts['tags']): Judgement => {
  const found = tags.get(key)
  if (found === undefined) return failed(`it has no tag '${key}'`)
  if (value === undefined || found === value) return passed(`it has the tag '${key}'`)
  return failed(`its tag '${key}' is '${found.slice(0, 100)}', not '${value.slice(0, 100)}'`)
}

/** All that refused a move, in one sentence without its full stop. */
export const refusalText = (verdict: PolicyVerdict): string =>
  verdict.results
    .filter((result) => !result.passed)
    .map((result) => result.reason)
    .join('; ')

/** `moving @champion of 'fraud' to version 3`, for messages. */
export const moveText = (model: string, version: number, target: MoveTarget): string =>
  target.kind === 'alias'
    ? `moving @${target.alias} of '${model}' to version ${version}`
    : `moving version ${version} of '${model}' to ${targetText(target)}`
