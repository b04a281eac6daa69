/** What the registry's operations have in common. */

/** What the registry's operations take and give. Times are Unix ms. */
export interface KeyValue {
  readonly key: string
  readonly value: string
}

export interface PageQuery {
  /** In MLflow's search language, with OR, NOT and parentheses. */
  readonly filter?: string
  readonly orderBy?: readonly string[]
  /** Items a page. */
  readonly limit?: number
  /** From the page before. */
  readonly pageToken?: string
}

export interface Page<Item> {
  readonly items: readonly Item[]
  /** Absent at the end. */
  readonly nextPageToken?: string
}

export type ViewName = 'active' | 'deleted' | 'all'

export interface OfExperiment {
  readonly experimentId: string
}

export interface OfRun {
  readonly runId: string
}

export interface OfModel {
  readonly name: string
}

export interface OfVersion extends OfModel {
  readonly version: string
}

/** Why something is done; kept in the history. */
export interface Reasoned {
  readonly reason?: string
}

export type Done = Readonly<Record<never, never>>
