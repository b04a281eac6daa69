import type { Database, Queries } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import { ownerOf } from '../endpoints/endpoint-moves.ts'
import { namesOf } from '../history/model-names.ts'
import { excerpt, requireInteger } from '../limits.ts'
import { requireModelRow, requireVersionRow } from '../model-rows.ts'
import { lineageFacts } from './lineage-facts.ts'
import type { LineageGraph, LineageKind, NodeRef, RefEdge } from './lineage-node.ts'
import { aliasRef, partsOf, refKey, versionRef } from './lineage-node.ts'
import { downstream, rowsMax, upstream } from './lineage-steps.ts'

export type LineageDirection = 'upstream' | 'downstream' | 'both'

export interface LineageQuery {
  readonly kind: LineageKind
  /** See `LineageNode.id`. */
  readonly id: string
  /** `upstream`: what it came of; `downstream`: what came of it; `both`: either, each followed in its own direction. */
  readonly direction: LineageDirection
  /** Most steps, 1 to 20. */
  readonly depthMax: number
}

const depthsMax = 20
/** Nodes of one answer: what a page can show, and a second of look-ups. */
const nodesMax = 1000
const edgesMax = 5000

/** A graph that is being found. */
interface Found {
  readonly depths: Map<string, { readonly ref: NodeRef; readonly depth: number }>
  readonly edges: Map<string, RefEdge>
  truncated: boolean
}

/** What came of what: data sets, runs, logged models, versions, aliases, and who uses versions. */
export class Lineage {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  /** The graph around a node. Fails with `resource_missing` when the node isn't there. */
  async graph({ kind, id, direction, depthMax }: LineageQuery): Promise<LineageGraph> {
    if (requireInteger('depthMax', depthMax, 1) > depthsMax)
      throw fail('invalid_parameter', { reason: `depthMax is at most ${depthsMax}, got ${depthMax}` })
    const start = await this.#start(kind, id)
    const found: Found = {
      depths: new Map([[refKey(start), { ref: start, depth: 0 }]]),
      edges: new Map(),
      truncated: false,
    }
    if (direction !== 'downstream') await this.#follow(upstream, { start, depthMax, found })
    if (direction !== 'upstream') await this.#follow(downstream, { start, depthMax, found })
    return this.#view(found)
  }

  /** Goes on from the start, all nodes of one depth together. */
  async #follow(
    steps: typeof upstream,
    { start, depthMax, found }: { readonly start: NodeRef; readonly depthMax: number; readonly found: Found },
  ): Promise<void> {
    let reached: readonly NodeRef[] = [start]
    const seen = new Set([refKey(start)])
    for (let depth = 1; depth <= depthMax && reached.length > 0; depth++) {
      const next = new Map<string, NodeRef>()
      for (const edge of await this.#edges(steps, reached, found)) {
        const far = steps === upstream ? edge.from : edge.to
        const key = refKey(far)
        if (!found.depths.has(key)) {
          if (found.depths.size === nodesMax) {
            found.truncated = true
            continue
          }
          found.depths.set(key, { ref: far, depth })
        }
        if (!seen.has(key)) next.set(key, far)
        seen.add(key)
        found.edges.set(`${refKey(edge.from)} ${edge.kind} ${refKey(edge.to)}`, edge)
      }
      reached = [...next.values()]
    }
    if (reached.length > 0 && (await this.#edges(steps, reached, found)).length > 0) found.truncated = true
  }

  async #edges(steps: typeof upstream, reached: readonly NodeRef[], found: Found): Promise<readonly RefEdge[]> {
    const edges: RefEdge[] = []
    for (const [kind, ofKind] of Object.entries(steps)) {
      const ids = reached.filter((ref) => ref.kind === kind).map(({ id }) => id)
      if (ids.length === 0) continue
      for (const step of ofKind) {
        const some = await step(this.#db, ids)
        if (some.length >= rowsMax) found.truncated = true
        edges.push(...some)
      }
    }
    if (edges.length > edgesMax) found.truncated = true
    return edges.slice(0, edgesMax)
  }

  async #start(kind: LineageKind, id: string): Promise<NodeRef> {
    const ref = await startRef(this.#db, kind, id)
    const facts = await lineageFacts(this.#db, [ref])
    const isThere = kind === 'endpoint' ? await isUser(this.#db, ref.id) : facts.has(refKey(ref))
    if (!isThere) throw fail('resource_missing', { reason: `there is no ${kind.replace('_', ' ')} '${excerpt(id)}'` })
    return ref
  }

  async #view({ depths, edges, truncated }: Found): Promise<LineageGraph> {
    const refs = [...depths.values()].map(({ ref }) => ref)
    const facts = await lineageFacts(this.#db, refs)
    const ids = await outwardIds(this.#db, refs)
    const nodes = [...depths].map(([key, { ref, depth }]) => ({
      kind: ref.kind,
      id: ids.get(key) ?? ref.id,
      depth,
      missing: !facts.has(key),
      facts: facts.get(key) ?? {},
    }))
    const outward = (ref: NodeRef): string => refKey({ kind: ref.kind, id: ids.get(refKey(ref)) ?? ref.id })
    return {
      nodes: nodes.sort((a, b) => a.depth - b.depth),
      edges: [...edges.values()]
        .filter(({ from, to }) => depths.has(refKey(from)) && depths.has(refKey(to)))
        .map(({ from, to, kind, context }) => ({ from: outward(from), to: outward(to), kind, context })),
      truncated,
    }
  }
}

/** The node that a caller means. */
const startRef = async (queries: Queries, kind: LineageKind, id: string): Promise<NodeRef> => {
  if (kind === 'version') {
    const row = await requireVersionRow(queries, ...partsOf(id, '/'))
    return versionRef(row.model_key, row.version)
  }
  if (kind === 'alias') {
    // Names may hold an @, aliases don't.
    const at = id.lastIndexOf('@')
    const row = await requireModelRow(queries, at < 0 ? id : id.slice(0, at))
    return aliasRef(row.model_key, at < 0 ? '' : id.slice(at + 1))
  }
  if (kind === 'endpoint') return userRef(queries, id)
  if (kind === 'dataset' && !isEncodedPair(id))
    throw fail('invalid_parameter', { reason: `a data set is NAME@DIGEST, both percent-encoded, not '${excerpt(id)}'` })
  return { kind, id }
}

/** The name of the endpoint that a user of versions is; undefined for other users. */
const endpointOf = (owner: string): string | undefined => {
  const prefix = ownerOf('')
  return owner.startsWith(prefix) ? owner.slice(prefix.length) : undefined
}

/** Endpoints go by their name; others that use versions, by the one they gave. */
const userRef = async (queries: Queries, id: string): Promise<NodeRef> => {
  const owner = ownerOf(id)
  return { kind: 'endpoint', id: (await isUser(queries, owner)) ? owner : id }
}

/** Whether there is such an endpoint, though it may stand for no version, or somebody else who uses one. */
const isUser = async (queries: Queries, owner: string): Promise<boolean> => {
  const rows = await queries.query(
    `SELECT owner FROM version_uses WHERE owner = ?
     UNION SELECT name AS owner FROM endpoints WHERE name = ? LIMIT 1`,
    [owner, endpointOf(owner) ?? null],
  )
  return rows.length > 0
}

const isEncodedPair = (id: string): boolean => {
  const parts = id.split('@')
  try {
    return parts.length === 2 && parts.every((part) => encodeURIComponent(decodeURIComponent(part)) === part)
  } catch {
    return false
  }
}

/** Ids with models' names in place of their keys: the one they have, or had last; of endpoints their names alone. */
const outwardIds = async (queries: Queries, refs: readonly NodeRef[]): Promise<ReadonlyMap<string, string>> => {
  const names = new Map<string, string>()
  const ids = new Map<string, string>()
  for (const ref of refs) {
    if (ref.kind === 'endpoint') ids.set(refKey(ref), endpointOf(ref.id) ?? ref.id)
    if (ref.kind !== 'version' && ref.kind !== 'alias') continue
    const by = ref.kind === 'version' ? '/' : '@'
    const [key, rest] = partsOf(ref.id, by)
    const name = names.get(key) ?? (await namesOf(queries, Number(key)))[0] ?? key
    names.set(key, name)
    ids.set(refKey(ref), `${name}${by}${rest}`)
  }
  return ids
}
