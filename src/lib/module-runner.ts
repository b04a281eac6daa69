import { assert } from './assert.ts'

/** A module once it is open. */
export interface Opened<T> {
  readonly value: T
  /** Takes no new work and finishes what is inside. Only modules that face users have it. */
  drain?(): Promise<void>
  /** Frees what the module holds; the modules it needs are still there. */
  stop?(): Promise<void>
}

/** One row of a module table: which others it needs, and how it is opened with them. */
export interface Module<Parts, T> {
  readonly needs: readonly (keyof Parts)[]
  open(parts: Parts): Promise<Opened<T>> | Opened<T>
}

export type ModuleTable<Parts> = { readonly [Name in keyof Parts]: Module<Parts, Parts[Name]> }

export interface Running<Parts> {
  readonly parts: Parts
  /** Drains every module that faces users, together; then stops all in the reverse of the order of opening. */
  stop(): Promise<void>
}

/**
 * Opens the wanted modules of a table and those they need, each after what it needs. A module that fails to open
 * stops the ones already open, and its error is thrown.
 */
export const runModules = async <Parts extends object>(
  table: ModuleTable<Parts>,
  wanted: readonly (keyof Parts)[],
): Promise<Running<Parts>> => {
  const parts = {} as Parts
  const opened: Opened<unknown>[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(opened.map(async (module) => module.drain?.()))
    for (const module of opened.toReversed()) await module.stop?.()
  }
  try {
    for (const name of inOrder(table, wanted)) {
      const module = await table[name].open(parts)
      opened.push(module)
      parts[name] = module.value
    }
  } catch (error) {
    await stop()
    throw error
  }
  return { parts, stop }
}

/** The wanted modules and what they need, needs first. */
const inOrder = <Parts extends object>(
  table: ModuleTable<Parts>,
  wanted: readonly (keyof Parts)[],
): (keyof Parts)[] => {
  const order: (keyof Parts)[] = []
  const visit = (name: keyof Parts, path: readonly (keyof Parts)[]): void => {
    assert(
      !path.includes(name),
      `modules don't need each other in a circle: ${[...path, name].map(String).join(' → ')}`,
    )
    if (order.includes(name)) return
    for (const need of table[name].needs) visit(need, [...path, name])
    order.push(name)
  }
  for (const name of wanted) visit(name, [])
  return order
}
