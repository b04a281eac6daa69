import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { readYaml } from '../protocol/index.ts'

/** What the server itself reads of the file that describes a model MLflow saved. */
export interface Mlmodel {
  /** Module that loads the model as a python_function. */
  readonly loader: string | undefined
  /** File of the flavor onnx, relative to the folder. */
  readonly onnxFile: string | undefined
  /** Where an example of its input is, undefined for none. */
  readonly example: InputExample | undefined
}

/** A file of the folder that holds an example. */
export interface InputExample {
  readonly file: string
  /** What the file holds: a whole body of /invocations, a table with `columns` and `data`, or something else. */
  readonly form: 'body' | 'table' | 'other'
}

const bytesMax = 4 * 1024 ** 2

/** Reads the MLmodel of a folder; undefined when there is none that can be read: its host tells what is wrong with it. */
export const readMlmodel = async (directory: string): Promise<Mlmodel | undefined> => {
  const path = join(directory, 'MLmodel')
  const facts = await stat(path).catch(() => undefined)
  if (facts?.isFile() !== true || facts.size > bytesMax) return undefined
  try {
    return mlmodelOf(readYaml(await readFile(path, 'utf8')))
  } catch {
    return undefined
  }
}

const mlmodelOf = (document: unknown): Mlmodel => {
  const flavors = Object.entries(fieldsOf(fieldsOf(document)['flavors']))
  const flavor = (name: string): Record<string, unknown> => fieldsOf(flavors.find(([found]) => found === name)?.[1])
  return {
    loader: textOf(flavor('python_function')['loader_module']),
    onnxFile: textOf(flavor('onnx')['data']),
    example: exampleOf(fieldsOf(fieldsOf(document)['saved_input_example_info'])),
  }
}

/** Newer versions of MLflow write the body of a request beside the example itself; tensors are one in either file. */
const exampleOf = (info: Record<string, unknown>): InputExample | undefined => {
  const body = textOf(info['serving_input_path'])
  if (body !== undefined) return { file: body, form: 'body' }
  const file = textOf(info['artifact_path'])
  if (file === undefined) return undefined
  if (info['type'] === 'ndarray') return { file, form: 'body' }
  return { file, form: info['type'] === 'dataframe' && info['pandas_orient'] === 'split' ? 'table' : 'other' }
}

const fieldsOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
