/** A span's own count of tokens and its place in the tree. */
export interface UsageNode {
  readonly spanId: string
  readonly parentSpanId: string | undefined
  /** JSON text of an object of counts; undefined for none. */
  readonly usage: string | undefined
}

const always = ['input_tokens', 'output_tokens', 'total_tokens'] as const
const sometimes = [
  'cache_read_input_tokens',
  'cache_creation_input_tokens',
  'cache_creation_input_tokens_above_1hr',
] as const

/** Counts of a span; undefined for what is no object of numbers. */
const countsOf = (usage: string): ReadonlyMap<string, number> | undefined => {
  let value: unknown
  try {
    value = JSON.parse(usage)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return new Map(
    Object.entries(value).filter((entry): entry is [string, number] => Number.isFinite(entry[1]) && entry[1] >= 0),
  )
}

/**
 * The tokens of a trace, as JSON text. A span that has a count speaks for all below it: frameworks put sums on the
 * parents, and counting both would count twice. Undefined when no span has one.
 */
export const totalUsage = (nodes: readonly UsageNode[]): string | undefined => {
  const known = new Map(nodes.map((node) => [node.spanId, node]))
  const covered = new Map<string, boolean>()
  const totals = new Map<string, number>(always.map((name) => [name, 0]))
  let found = false
  for (const node of nodes) {
    if (node.usage === undefined || isCovered(node, known, covered)) continue
    const counts = countsOf(node.usage)
    if (counts === undefined) continue
    found = true
    for (const name of [...always, ...sometimes]) {
      const count = counts.get(name)
      if (count !== undefined) totals.set(name, (totals.get(name) ?? 0) + count)
    }
  }
  return found ? JSON.stringify(Object.fromEntries(totals)) : undefined
}

/** Whether a span above this one has a count. Parents in a circle, which only a broken sender makes, end the search. */
const isCovered = (start: UsageNode, known: ReadonlyMap<string, UsageNode>, covered: Map<string, boolean>): boolean => {
  const path: string[] = []
  const seen = new Set<string>()
  let result = false
  let at: UsageNode | undefined = start
  while (at !== undefined && !seen.has(at.spanId)) {
    const remembered = covered.get(at.spanId)
    if (remembered !== undefined) {
      result = remembered
      break
    }
    seen.add(at.spanId)
    path.push(at.spanId)
    at = at.parentSpanId === undefined ? undefined : known.get(at.parentSpanId)
    if (at?.usage !== undefined) {
      result = true
      break
    }
  }
  for (const spanId of path) covered.set(spanId, result)
  return result
}
