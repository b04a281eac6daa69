export interface Resident {
  readonly model: string
  readonly bytes: number
  readonly lastUsedMs: number
  /** A model with requests inside, or being loaded, is never a victim. */
  readonly busy: boolean
}

/**
 * Which models to unload so that `neededBytes` more fit, least recently used first; undefined when even unloading
 * every idle one would not do. Nothing is unloaded in vain.
 */
export const modelsToUnload = (
  residents: readonly Resident[],
  neededBytes: number,
  budgetBytes: number,
): readonly string[] | undefined => {
  let excess = residents.reduce((sum, resident) => sum + resident.bytes, 0) + neededBytes - budgetBytes
  const victims: Resident[] = []
  for (const resident of residents.toSorted((a, b) => a.lastUsedMs - b.lastUsedMs)) {
    if (excess <= 0) break
    if (resident.busy) continue
    victims.push(resident)
    excess -= resident.bytes
  }
  if (excess > 0) return undefined
  // A large one among the last may have made room for all: earlier ones whose bytes are left over stay.
  const needed = victims.filter((victim) => {
    if (excess + victim.bytes > 0) return true
    excess += victim.bytes
    return false
  })
  return needed.map((victim) => victim.model)
}
