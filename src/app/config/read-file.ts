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
  const document = parseDocument(text, { schema: 'core', strict: true })
  if (document.errors.length > 0) {
    return { values: [], problems: document.errors.map((error) => `${path}: ${error.message.split('\n')[0] ?? ''}`) }
  }
  const values: Given[] = []
  const problems: string[] = []
  const known = new Set(optionList.map((named) => named.path))
  const walk = (value: unknown, at: string): void => {
    if (known.has(at)) {
      values.push({ path: at, raw: value, source: `${path}: ${at}` })
    } else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) walk(inner, at === '' ? key : `${at}.${key}`)
    } else {
      problems.push(`${path}: unknown option ${at}${didYouMean(at, [...known])}`)
    }
  }
  const root: unknown = document.toJS({ maxAliasCount: 100 })
  if (root !== null && root !== undefined) walk(root, '')
  return { values, problems }
}
