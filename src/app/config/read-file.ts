import { readFileSync } from 'node:fs'
import { parseDocument } from 'yaml'
import { didYouMean } from '../../lib/index.ts'
import type { Given, GivenValues } from './given.ts'
import { optionList } from './option-list.ts'

const fileBytesMax = 1024 * 1024

/** Reads slipway.yaml: the options by path, nested or with dots. A missing file is an empty one unless it was named. */
export const readConfigFile = (path: string, required: boolean): GivenValues => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    return { values: [], problems: missing && !required ? [] : [`${path}: can't be read: ${(error as Error).message}`] }
  }
  if (text.length > fileBytesMax) return { values: [], problems: [`${path}: larger than ${fileBytesMax} bytes`] }
  let root: unknown
  try {
    const document = parseDocument(text, { schema: 'core', strict: true })
    if (document.errors.length > 0) {
      return { values: [], problems: document.errors.map((error) => `${path}: ${error.message.split('\n')[0] ?? ''}`) }
    }
    root = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    // Aliases that multiply, or nesting beyond the stack.
    return { values: [], problems: [`${path}: ${(error as Error).message}`] }
  }
  const values: Given[] = []
  const problems: string[] = []
  const known = new Set(optionList.map((named) => named.path))
  // A section may stand empty, when all in it is commented out.
  const sections = new Set(optionList.map((named) => named.module))
  const walk = (value: unknown, at: string): void => {
    if (known.has(at)) {
      values.push({ path: at, raw: value, source: `${path}: ${at}` })
    } else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) walk(inner, at === '' ? key : `${at}.${key}`)
    } else if (at === '') {
      problems.push(`${path}: must be a map of options`)
    } else if (value !== null || !sections.has(at)) {
      problems.push(`${path}: unknown option ${at}${didYouMean(at, [...known])}`)
    }
  }
  if (root !== null && root !== undefined) walk(root, '')
  return { values, problems }
}
