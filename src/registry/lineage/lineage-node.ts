export type LineageKind = 'dataset' | 'run' | 'logged_model' | 'version' | 'alias' | 'endpoint'

/** A node's place in the database: versions and aliases by their model's key, which names change without. */
export interface NodeRef {
  readonly kind: LineageKind
  readonly id: string
}

/** How one node came of another. */
export type LineageEdgeKind =
  /** A run read a data set or a model. */
  | 'read'
  /** A run made a model, or a version straight away. */
  | 'made'
  /** A run started one below it. */
  | 'started'
  /** A logged model was registered as a version. */
  | 'registered'
  /** A version was copied to another. */
  | 'copied'
  /** An alias names a version. */
  | 'named'
  /** An endpoint, or whoever else said so, uses a version. */
  | 'used'

/** An edge in the direction in which data flow. */
export interface RefEdge {
  readonly from: NodeRef
  readonly to: NodeRef
  readonly kind: LineageEdgeKind
  /** What the data were for, where the run said. */
  readonly context?: string
}

export interface LineageNode {
  readonly kind: LineageKind
  /**
   * `NAME@DIGEST` of a data set, both percent-encoded; a run's or logged model's id; `MODEL/VERSION`; `MODEL@ALIAS`; the
   * name of the endpoint, or of who else uses a version.
   */
  readonly id: string
  /** Steps from where the search began. */
  readonly depth: number
  /** Whether the database doesn't have it: it was referred to, and is elsewhere or gone. */
  readonly missing: boolean
  /** What is to be known of it: names, times (Unix ms), states, for a run the commit it ran from. */
  readonly facts: Readonly<Record<string, string | number>>
}

export interface LineageEdge {
  /** `KIND:ID` of the nodes. */
  readonly from: string
  readonly to: string
  readonly kind: LineageEdgeKind
  readonly context: string | undefined
}

export interface LineageGraph {
  /** In the order of their depth. */
  readonly nodes: readonly LineageNode[]
  readonly edges: readonly LineageEdge[]
  /** Whether there is more than was allowed: a larger depth, or another start, shows it. */
  readonly truncated: boolean
}

/** The tag of runs that were started by another. */
export const parentTag = 'mlflow.parentRunId'

export const refKey = ({ kind, id }: NodeRef): string => `${kind}:${id}`

export const datasetRef = (name: string, digest: string): NodeRef => ({
  kind: 'dataset',
  id: `${encodeURIComponent(name)}@${encodeURIComponent(digest)}`,
})
export const versionRef = (modelKey: number, version: number): NodeRef => ({
  kind: 'version',
  id: `${modelKey}/${version}`,
})
export const aliasRef = (modelKey: number, alias: string): NodeRef => ({ kind: 'alias', id: `${modelKey}@${alias}` })

/** The two parts of an id, around its first `/` or `@`. */
export const partsOf = (id: string, by: '/' | '@'): readonly [string, string] => {
  const at = id.indexOf(by)
  return at < 0 ? [id, ''] : [id.slice(0, at), id.slice(at + 1)]
}
