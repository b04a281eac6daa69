/** Edits that a slip of the finger takes at most. */
const editsMax = 3

/** The known name nearest to a mistyped one, by Levenshtein distance; undefined when none is near. */
const closest = (name: string, known: readonly string[]): string | undefined => {
  let best: string | undefined
  let bestEdits = Math.min(editsMax, Math.floor(name.length / 2)) + 1
  for (const candidate of known) {
    // So many edits it takes at least; a name of any length costs no more than a short one.
    if (Math.abs(name.length - candidate.length) >= bestEdits) continue
    const edits = editDistance(name, candidate)
    if (edits < bestEdits) {
      best = candidate
      bestEdits = edits
    }
  }
  return best
}

const editDistance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/** `; did you mean 'x'?`, or nothing. */
export const didYouMean = (name: string, known: readonly string[]): string => {
  const near = closest(name, known)
  return near === undefined ? '' : `; did you mean '${near}'?`
}
