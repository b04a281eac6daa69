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
