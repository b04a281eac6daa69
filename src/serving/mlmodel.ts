import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'

/** What the server itself reads of the file that describes a model MLflow saved. */
export interface Mlmodel {
  /** Module that loads the model as a python_function. */
  readonly loader: string | undefined
  /** File of the flavor onnx, relative to the folder. */
  readonly onnxFile: string | undefined
  /** How each flavor wrote its objects, by flavor. */
  readonly serializations: ReadonlyMap<string, string>
}

const bytesMax = 4 * 1024 ** 2

/** Reads the MLmodel of a folder; undefined when there is none that can be read: its host tells what is wrong with it. */
export const readMlmodel = async (directory: string): Promise<Mlmodel | undefined> => {
  const path = join(directory, 'MLmodel')
  const facts = await stat(path).catch(() => undefined)
  if (facts?.isFile() !== true || facts.size > bytesMax) return undefined
  try {
    return mlmodelOf(parse(await readFile(path, 'utf8'), { maxAliasCount: 0, logLevel: 'silent' }))
  } catch {
    return undefined
  }
}

const mlmodelOf = (document: unknown): Mlmodel => {
  const flavors = Object.entries(fieldsOf(fieldsOf(document)['flavors']))
  const flavor = (name: string): Record<string, unknown> => fieldsOf(flavors.find(([found]) => found === name)?.[1])
  const serializations = flavors.map(
    ([name, fields]) => [name, textOf(fieldsOf(fields)['serialization_format'])] as const,
  )
  return {
    loader: textOf(flavor('python_function')['loader_module']),
    onnxFile: textOf(flavor('onnx')['data']),
    serializations: new Map(serializations.flatMap(([name, format]) => (format === undefined ? [] : [[name, format]]))),
  }
}

const fieldsOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
