import { assert } from '../../lib/index.ts'
import { fail } from '../../protocol/index.ts'
import type { Route } from '../../protocol/index.ts'

interface Node {
  readonly literal: Map<string, Node>
  parameter: { readonly name: string; readonly node: Node } | undefined
  /** Takes all segments that are left. */
  tail: { readonly name: string; readonly node: Node } | undefined
  readonly routes: Map<string, Route>
}

const emptyNode = (): Node => ({ literal: new Map(), parameter: undefined, tail: undefined, routes: new Map() })

export interface Match {
  readonly route: Route
  readonly params: Readonly<Record<string, string>>
}

/** No path of any protocol spoken here is deeper, but for the paths of files. */
const segmentsMax = 16
const tailSegmentsMax = 64

/**
 * Finds routes by path segment; a literal segment wins over a parameter, and that over a tail `{name*}`, which takes
 * the rest of the path. Each segment is percent-decoded once.
 */
export class Router {
  readonly #root = emptyNode()

  constructor(routes: readonly Route[]) {
    for (const route of routes) this.#add(route)
  }

  #add(route: Route): void {
    let node = this.#root
    for (const segment of route.path.split('/').slice(1)) {
      const [, parameter, star] = /^\{(\w+)(\*?)\}$/.exec(segment) ?? []
      if (parameter !== undefined && star === '*') {
        node.tail ??= { name: parameter, node: emptyNode() }
        assert(node.tail.name === parameter, `routes name the tail of ${route.path} differently`)
        node = node.tail.node
      } else if (parameter !== undefined) {
        node.parameter ??= { name: parameter, node: emptyNode() }
        assert(node.parameter.name === parameter, `routes name the same segment of ${route.path} differently`)
        node = node.parameter.node
      } else {
        let next = node.literal.get(segment)
        if (next === undefined) {
          next = emptyNode()
          node.literal.set(segment, next)
        }
        node = next
      }
    }
    assert(!node.routes.has(route.method), `two routes for ${route.method} ${route.path}`)
    node.routes.set(route.method, route)
  }

  /** Throws route_not_found or method_not_allowed. */
  match(method: string, path: string): Match {
    const segments = path.split('/')
    const params: Record<string, string> = {}
    const node = segments.length > tailSegmentsMax ? undefined : find(this.#root, segments, 1, params)
    if (node === undefined) throw fail('route_not_found', { method, path })
    // Why: HEAD is GET whose body stays here (RFC 9110, section 9.3.2).
    const route = node.routes.get(method === 'HEAD' ? 'GET' : method)
    if (route === undefined) throw fail('method_not_allowed', { method, path, allow: allowedBy(node) })
    return { route, params }
  }
}

const allowedBy = ({ routes }: Node): string =>
  [...routes.keys()].map((method) => (method === 'GET' ? 'GET, HEAD' : method)).join(', ')

/**
 * The node of the segments from `at` on, with the values of its parameters. A literal that leads nowhere gives way to
 * the parameter beside it, so that `/models/stats` takes nothing from a model that is called stats.
 */
const find = (
  node: Node,
  segments: readonly string[],
  at: number,
  params: Record<string, string>,
): Node | undefined => {
  const segment = segments[at]
  if (segment === undefined) return node.routes.size === 0 ? undefined : node
  return findFixed(node, segments, at, params) ?? findTail(node, segments.slice(at), params)
}

const findTail = (node: Node, rest: readonly string[], params: Record<string, string>): Node | undefined => {
  if (node.tail === undefined || rest.join('') === '') return undefined
  params[node.tail.name] = rest.map(decode).join('/')
  return node.tail.node
}

const findFixed = (
  node: Node,
  segments: readonly string[],
  at: number,
  params: Record<string, string>,
): Node | undefined => {
  const segment = segments[at]
  if (segment === undefined || at > segmentsMax) return undefined
  const literal = node.literal.get(segment)
  const found = literal === undefined ? undefined : find(literal, segments, at + 1, params)
  if (found !== undefined || node.parameter === undefined || segment === '') return found
  const matched = find(node.parameter.node, segments, at + 1, params)
  if (matched !== undefined) params[node.parameter.name] = decode(segment)
  return matched
}

const decode = (segment: string): string => {
  if (!segment.includes('%')) return segment
  try {
    return decodeURIComponent(segment)
  } catch {
    throw fail('invalid_request', { reason: 'the path has a broken percent encoding' })
  }
}
