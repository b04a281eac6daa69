import { isMap, isScalar, LineCounter, parseDocument } from 'yaml'
import { didYouMean, readBounded, whyUnreadable } from '../../lib/index.ts'
import type { Given, GivenValues } from './given.ts'
import { optionList } from './option-list.ts'

const fileBytesMax = 1024 * 1024

const known = new Set(optionList.map((named) => named.path))
// A section may stand empty, when all in it is commented out.
const sections = new Set(optionList.map((named) => named.module))

/** Reads slipway.yaml: the options by path, nested or with dots. A missing file is an empty one unless it was named. */
export const readConfigFile = (path: string, required: boolean): GivenValues => {
  let text: string | undefined
  try {
    text = readBounded(path, fileBytesMax)
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    return { values: [], problems: missing && !required ? [] : [`${path}: can't be read: ${whyUnreadable(error)}`] }
  }
  if (text === undefined) return { values: [], problems: [`${path}: larger than ${fileBytesMax} bytes`] }
  const lines = new LineCounter()
  try {
    const document = parseDocument(text, { schema: 'core', strict: true, lineCounter: lines })
    if (document.errors.length > 0) {
      return { values: [], problems: document.errors.map((error) => `${path}: ${error.message.split('\n')[0] ?? ''}`) }
    }
    return readOptions(document.toJS({ maxAliasCount: 100 }), document.contents, { path, lines })
  } catch (error) {
    // Aliases that multiply, or nesting beyond the stack.
    return { values: [], problems: [`${path}: ${(error as Error).message}`] }
  }
}

interface Origin {
  readonly path: string
  readonly lines: LineCounter
}

const readOptions = (root: unknown, contents: unknown, { path, lines }: Origin): GivenValues => {
  const values: Given[] = []
  const problems: string[] = []
  const walk = (value: unknown, at: string, node: unknown, line: number): void => {
    if (known.has(at)) {
      values.push({ path: at, raw: value, source: `${path}:${line}: ${at}` })
    } else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      const inside = keyNodes(node, lines)
      for (const [key, inner] of Object.entries(value)) {
        // What an alias stands for has the line of the alias.
        const found = inside.get(key) ?? { node: undefined, line }
        walk(inner, at === '' ? key : `${at}.${key}`, found.node, found.line)
      }
    } else if (at === '') {
      problems.push(`${path}: must be a map of options`)
    } else if (value !== null || !sections.has(at)) {
      problems.push(`${path}:${line}: unknown option ${at}${didYouMean(at, [...known])}`)
    }
  }
  if (root !== null && root !== undefined) walk(root, '', contents, 1)
  return { values, problems }
}

interface KeyNode {
  readonly node: unknown
  readonly line: number
}

/** The entries of a map by key, with the line on which the key stands. */
const keyNodes = (node: unknown, lines: LineCounter): ReadonlyMap<string, KeyNode> => {
  const found = new Map<string, KeyNode>()
  if (!isMap(node)) return found
  for (const { key, value } of node.items) {
    if (!isScalar(key)) continue
    found.set(String(key.value), { node: value, line: lines.linePos(key.range?.[0] ?? 0).line })
  }
  return found
}
