import { parseDocument } from 'yaml'
import { readBounded, reasonOf, whyUnreadable } from '../lib/index.ts'
import { checkObject, Problems } from './check-field.ts'
import type { ModelSpec } from './model-spec.ts'
import { PackagingError } from './packaging-error.ts'
import { specFields } from './spec-fields.ts'

const fileBytesMax = 1024 * 1024

/** Reads a model.yaml. Throws PackagingError with all that is wrong with it. */
export const readSpec = (path: string): ModelSpec => {
  const text = readText(path)
  if (text === undefined) throw new PackagingError([`${path}: larger than ${fileBytesMax} bytes`])
  return parseSpec(text, path)
}

/** Reads the text of a model.yaml; `name` is what messages call it. */
export const parseSpec = (text: string, name: string): ModelSpec => {
  const problems = new Problems()
  const spec = checkObject(specFields, readYaml(text, name), '', problems) as ModelSpec | undefined
  if (spec !== undefined && problems.list.length === 0) checkWhole(spec, problems)
  if (spec === undefined || problems.list.length > 0)
    throw new PackagingError(problems.list.map((problem) => `${name}: ${problem}`))
  return spec
}

/** Nothing in this file is deeper; the time that YAML takes to read grows with the square of the depth. */
const depthMax = 100

/** Whether brackets, or markers of lists and keys on one line, may nest deeper than the limit; those in quotes count too. */
const nestsTooDeep = (text: string): boolean => {
  if (/(?:[-?:][ \t]+){100}/.test(text)) return true
  let depth = 0
  for (const character of text) {
    if (character === '[' || character === '{') depth += 1
    else if (character === ']' || character === '}') depth -= 1
    if (depth > depthMax) return true
  }
  return false
}

/** Objects as maps, so that no name is special. Aliases are refused: they are what makes small files large. */
const readYaml = (text: string, name: string): unknown => {
  if (nestsTooDeep(text)) throw new PackagingError([`${name}: nests deeper than ${depthMax}`])
  try {
    const document = parseDocument(text, { schema: 'core', strict: true, uniqueKeys: true })
    if (document.errors.length > 0)
      throw new PackagingError(document.errors.map((error) => `${name}: ${error.message.split('\n')[0] ?? ''}`))
    return document.toJS({ maxAliasCount: 0, mapAsMap: true }) as unknown
  } catch (error) {
    if (error instanceof PackagingError) throw error
    // Aliases, or nesting beyond the stack.
    throw new PackagingError([`${name}: ${reasonOf(error)}`])
  }
}

export const isReference = (model: string): boolean => /^(models|runs):\//.test(model)

/** What lies beside the model's folder in a package, by other names than models have. */
const packageFiles: ReadonlySet<string> = new Set(['model.yaml', 'manifest.json'])

/** What no single field tells. */
const checkWhole = (spec: ModelSpec, problems: Problems): void => {
  if (packageFiles.has(spec.name))
    problems.add('name', `'${spec.name}' is a file of every package; choose another name`)
  if (!isReference(spec.model)) checkPath('model', spec.model, problems)
  for (const step of ['preprocess', 'postprocess'] as const) {
    const file = spec[step]
    if (file === undefined) continue
    checkPath(step, file, problems)
    if (!/\.(ts|mjs|js|py)$/.test(file)) problems.add(step, 'must be a file that ends in .ts, .mjs, .js or .py')
  }
  for (const which of ['inputs', 'outputs'] as const) {
    const names = (spec.signature?.[which] ?? []).map((tensor) => tensor.name)
    const twice = names.find((tensorName, index) => names.indexOf(tensorName) < index)
    if (twice !== undefined) problems.add(`signature.${which}`, `'${twice.slice(0, 100)}' appears more than once`)
  }
  checkRows(spec, problems)
  for (const line of spec.resources?.requirements ?? [])
    if (/^\s*-|[\r\n]/.test(line))
      problems.add('resources.requirements', `'${line.slice(0, 100)}' is not a requirement`)
}

/** What is joined has rows, and no more of them than a run. */
const checkRows = ({ signature, warmup, batching: { rows } = { rows: 0 } }: ModelSpec, problems: Problems): void => {
  if (rows === 0) return
  for (const which of ['inputs', 'outputs'] as const)
    for (const { name, shape } of signature?.[which] ?? [])
      if (shape[0] !== -1)
        problems.add(`signature.${which}`, `'${name.slice(0, 100)}' must begin with -1, since rows are joined`)
  for (const [index, { inputs }] of (warmup ?? []).entries())
    for (const { shape } of Object.values(inputs))
      if ((shape[0] ?? 0) > rows) problems.add(`warmup[${index}]`, `has ${shape[0]} rows; batching.rows is ${rows}`)
}

/** Paths stay in the folder of model.yaml; symbolic links are looked at when the files are. */
const checkPath = (field: string, path: string, problems: Problems): void => {
  const segments = path.split('/').filter((segment, index) => index > 0 || segment !== '.')
  if (path.startsWith('/') || path.includes('\\') || path.includes('\0') || /^[A-Za-z]:/.test(path))
    problems.add(field, 'must be a path below the folder of model.yaml, with / between its parts')
  else if (segments.includes('..')) problems.add(field, 'must not lead out of the folder of model.yaml')
}

const readText = (path: string): string | undefined => {
  try {
    return readBounded(path, fileBytesMax)
  } catch (error) {
    throw new PackagingError([`${path}: can't be read: ${whyUnreadable(error)}`])
  }
}
