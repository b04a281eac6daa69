import { Refusal } from '../command.ts'
import { readYaml, Unusable } from '../import/read-yaml.ts'
import type { Flavor } from './flavors.ts'
import { flavors } from './flavors.ts'

/** What the MLmodel file of an MLflow folder tells of the model. */
export interface Mlmodel {
  readonly flavor: Flavor
  /** The entry of the flavor: names of files, classes, formats. */
  readonly facts: Readonly<Record<string, unknown>>
  /** Inputs of the signature, as MLflow writes them. */
  readonly signature: readonly unknown[] | undefined
  /** Path of the input example below the folder. */
  readonly example: string | undefined
}

/** Names that MLflow has for what is one flavor here. */
const aliases: Readonly<Record<string, Flavor>> = { keras: 'tensorflow' }

type Fields = Readonly<Record<string, unknown>>

const fields = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {})

/** Reads the text of an MLmodel file; `wanted` is the flavor that the user named. Throws Refusal. */
export const readMlmodel = (text: string, wanted: Flavor | undefined): Mlmodel => {
  const model = parsed(text)
  const entries = new Map(
    Object.entries(fields(model['flavors'])).map(([name, entry]) => [aliases[name] ?? name, fields(entry)]),
  )
  const flavor = flavors.find((each) => (wanted === undefined ? entries.has(each) : each === wanted))
  const facts = flavor === undefined ? undefined : entries.get(flavor)
  if (flavor === undefined || facts === undefined)
    throw new Refusal(noFlavor([...entries.keys()], wanted), 'wrong_flavor')
  const example = fields(model['saved_input_example_info'])['artifact_path']
  return {
    flavor,
    facts,
    signature: signatureOf(fields(model['signature'])['inputs']),
    example: typeof example === 'string' ? example : undefined,
  }
}

const parsed = (text: string): Fields => {
  try {
    return readYaml(text)
  } catch (error) {
    if (!(error instanceof Unusable)) throw error
    throw new Refusal(`the MLmodel file can't be read: ${error.message}`, 'unreadable_model')
  }
}

const noFlavor = (has: readonly string[], wanted: Flavor | undefined): string => {
  const named = has.filter((name) => name !== 'python_function')
  const which = named.length === 0 ? 'only python_function' : named.join(', ')
  if (named.includes('onnx'))
    return 'the model has the flavor onnx: it is one already; slipway deploy takes its model.onnx'
  return wanted === undefined
    ? `the model has ${which}; ${flavors.join(', ')} can be converted. Other Python models are served as they are`
    : `the model has no flavor ${wanted}, it has ${which}`
}

const signatureOf = (text: unknown): readonly unknown[] | undefined => {
  if (typeof text !== 'string') return undefined
  try {
    const columns: unknown = JSON.parse(text)
    return Array.isArray(columns) ? columns : undefined
  } catch {
    throw new Refusal('the signature in the MLmodel file is not JSON', 'unreadable_model')
  }
}
