import type { Comparison, Condition, MetricDataset, NotWorseThan } from './policy.ts'
import type { Judgement, Measurement, PromotionFacts, Reference } from './promotion-facts.ts'

type MetricCondition = Extract<Condition, { kind: 'metric' }>

const holds: Readonly<Record<Comparison, (a: number, b: number) => boolean>> = {
  '>=': (a, b) => a >= b,
  '>': (a, b) => a > b,
  '<=': (a, b) => a <= b,
  '<': (a, b) => a < b,
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
}

const isOn = (measurement: Measurement, dataset: MetricDataset | undefined): boolean =>
  dataset === undefined ||
  (measurement.dataset?.name === dataset.name &&
    (dataset.digest === undefined || measurement.dataset.digest === dataset.digest))

const sameData = (a: Measurement, b: Measurement): boolean =>
  a.dataset === undefined ||
  b.dataset === undefined ||
  (a.dataset.name === b.dataset.name && a.dataset.digest === b.dataset.digest)

const dataText = ({ dataset }: Measurement): string =>
  dataset === undefined ? '' : ` on ${dataset.name} (${dataset.digest})`

/** Judges a metric. Of several measurements that would do the first counts: `facts` has the newest first. */
export const judgeMetric = (
  condition: MetricCondition,
  facts: PromotionFacts,
  reference: (alias: string) => Reference,
): Judgement => {
  const { key, dataset, min, max, compare, notWorseThan } = condition
  const own = facts.measurements.filter((each) => each.key === key && isOn(each, dataset))
  const [measured] = own
  if (measured === undefined)
    return { passed: false, reason: `${key} is not measured${dataset === undefined ? '' : ` on ${dataset.name}`}` }
  const found = `${key} is ${measured.value}${dataText(measured)}`
  if (Number.isNaN(measured.value)) return { passed: false, reason: found }
  const wrong: string[] = []
  if (min !== undefined && measured.value < min) wrong.push(`at least ${min} is needed`)
  if (max !== undefined && measured.value > max) wrong.push(`at most ${max} is allowed`)
  if (compare !== undefined && !holds[compare.op](measured.value, compare.value))
    wrong.push(`${compare.op} ${compare.value} is needed`)
  if (wrong.length > 0) return { passed: false, reason: `${found}, ${wrong.join(', ')}` }
  if (notWorseThan === undefined) return { passed: true, reason: found }
  const other = reference(notWorseThan.alias)
  return other.kind === 'none' ? other : compared(own, other.facts, condition, notWorseThan)
}

/** Compares with the other version, on data that both were measured on. */
const compared = (
  own: readonly Measurement[],
  other: { readonly version: number; readonly measurements: readonly Measurement[] },
  { key, dataset }: MetricCondition,
  { alias, direction, tolerance, isRelative }: NotWorseThan,
): Judgement => {
  const name = `@${alias} (version ${other.version})`
  const theirs = other.measurements.filter((each) => each.key === key && isOn(each, dataset))
  if (theirs.length === 0) return { passed: false, reason: `${key} of ${name} is not measured` }
  const pair = own
    .flatMap((mine) => theirs.filter((each) => sameData(mine, each)).map((each) => ({ mine, each })))
    .at(0)
  if (pair === undefined) return { passed: false, reason: `${key} of ${name} is not measured on the same data` }
  const { mine, each } = pair
  const allowance = isRelative ? Math.abs(each.value) * tolerance : tolerance
  // Written so that NaN on either side holds nothing.
  const isGood =
    mine.value === each.value ||
    (direction === 'higher' ? mine.value >= each.value - allowance : mine.value <= each.value + allowance)
  const reason = `${key} is ${mine.value}${dataText(mine)}, that of ${name} ${each.value}`
  if (isGood) return { passed: true, reason }
  const better = direction === 'higher' ? 'at least' : 'at most'
  const slack = tolerance === 0 ? '' : `, give or take ${isRelative ? `${tolerance * 100}%` : tolerance}`
  return { passed: false, reason: `${reason}; ${better} that${slack} is needed` }
}
