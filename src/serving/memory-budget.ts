/** A version in memory. */
export interface Resident {
  readonly model: string
  readonly version: number
  readonly bytes: number
  readonly lastUsedMs: number
  /** One with requests inside, or of a model that is being changed, is never a victim. */
  readonly busy: boolean
}

/**
 * Which versions to unload so that `neededBytes` more fit, least recently used first; undefined when even unloading
 * every idle one would not do. Nothing is unloaded in vain.
 */
export const versionsToUnload = <T extends Resident>(
  residents: readonly T[],
  neededBytes: number,
  budgetBytes: number,
): readonly T[] | undefined => {
  let excess = residents.reduce((sum, resident) => sum + resident.bytes, 0) + neededBytes - budgetBytes
  const victims: T[] = []
  for (const resident of residents.toSorted((a, b) => a.lastUsedMs - b.lastUsedMs)) {
    if (excess <= 0) break
    if (resident.busy) continue
    victims.push(resident)
    excess -= resident.bytes
  }
  if (excess > 0) return undefined
  // A large one among the last may have made room for all: earlier ones whose bytes are left over stay.
  return victims.filter((victim) => {
    if (excess + victim.bytes > 0) return true
    excess += victim.bytes
    return false
  })
}

/**
 * Loads fill the budget up to this share, and what has grown beyond the budget is brought back to it. Why: what is in
 * memory grows by some percent while it serves, which must not cost an unloading each time.
 */
const fillShare = 0.95

/** As `versionsToUnload`, leaving some of the budget free where that is possible. */
export const versionsToMakeRoom = <T extends Resident>(
  residents: readonly T[],
  neededBytes: number,
  budgetBytes: number,
): readonly T[] | undefined =>
  versionsToUnload(residents, neededBytes, fillShare * budgetBytes) ??
  versionsToUnload(residents, neededBytes, budgetBytes)

/**
 * Which versions to unload now that the budget is overrun: as many idle ones as it takes, all of them when that
 * doesn't do. The one used last stays, since it would be loaded anew for each request.
 */
export const versionsToGiveBack = <T extends Resident>(
  residents: readonly T[],
  otherBytes: number,
  budgetBytes: number,
): readonly T[] => {
  if (residents.reduce((sum, resident) => sum + resident.bytes, otherBytes) <= budgetBytes) return []
  const lastUsedMs = residents.reduce((last, resident) => Math.max(last, resident.lastUsedMs), -Infinity)
  const kept = residents.map((resident) =>
    resident.lastUsedMs === lastUsedMs ? { ...resident, busy: true } : resident,
  )
  return versionsToMakeRoom(kept, otherBytes, budgetBytes) ?? kept.filter(({ busy, bytes }) => !busy && bytes > 0)
}

/** A version may grow by this share of what it took after its load before that is taken for the trace of a large run. */
const grownShare = 1.25

/** What a version will take when it is loaded again, by what it took after its load and when it was unloaded. */
export const bytesToExpect = (loadedBytes: number, bytes: number, budgetBytes: number): number =>
  // Why: one that fits after its load must not be refused for good because it grew.
  Math.max(loadedBytes, Math.min(bytes, grownShare * loadedBytes, budgetBytes))
