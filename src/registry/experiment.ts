export type LifecycleStage = 'active' | 'deleted'

/** Which rows a listing shows. */
export type View = 'active' | 'deleted' | 'all'

export interface Tag {
  readonly key: string
  readonly value: string
}

export interface Experiment {
  readonly experimentId: string
  readonly name: string
  /** URI below which the artifacts of its runs go. */
  readonly artifactLocation: string
  readonly lifecycleStage: LifecycleStage
  /** Unix ms. */
  readonly creationTime: number
  readonly lastUpdateTime: number
  readonly tags: readonly Tag[]
}

/** The experiment that is always there, for runs that name none. */
export const defaultExperimentId = '0'
