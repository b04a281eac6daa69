import { resolve } from 'node:path'
import { fail } from '../protocol/index.ts'
import type { FoundModel, ModelSource } from './model-source.ts'
import type { ServedVersion } from './served-version.ts'

/** Files that came with a load, in a folder of their own. */
export interface StagedModel {
  /** A model repository that holds only this model. */
  readonly root: string
  /** The repository that the model belongs to. */
  readonly home: string
  /** Puts the model into its repository in place of what is there, whole or not at all. */
  keep(): Promise<void>
}

/** A change to a model that is loaded and checked beside what serves, and made or given up as a whole. */
export interface StagedChange {
  /** Ends the loads that are under way. */
  readonly signal?: AbortSignal | undefined
  /** What is to serve. */
  find(): Promise<FoundModel | undefined>
  /**
   * Makes the change last, now that every version that is due has loaded; throws to give it up. `loaded` gives those and
   * the ones that serve. Answers where the files are from then on.
   */
  keep(loaded: (version: number) => ServedVersion | undefined): Promise<FoundModel | undefined>
}

/** The change that files make which came with a load. */
export const changeOfFiles = (
  name: string,
  { root, home, keep }: StagedModel,
  openSource: (roots: readonly string[]) => ModelSource,
): StagedChange => ({
  find: () => openSource([root]).find(name),
  async keep() {
    await keep()
    return openSource([home]).find(name)
  },
})

/** Files that another repository hides would be lost from sight with the next load. */
export const refuseHidden = async (
  name: string,
  { home }: StagedModel,
  { roots, openSource }: { readonly roots: readonly string[]; openSource(roots: readonly string[]): ModelSource },
): Promise<void> => {
  const places = roots.map((root) => resolve(root))
  const earlier = places.slice(0, Math.max(0, places.indexOf(resolve(home))))
  if ((await openSource(earlier).find(name)) === undefined) return
  const reason = `model '${name}' is kept in a model repository of the operator's; change its files there`
  throw fail('conflict', { reason })
}
