import { readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { readMlmodel } from './mlmodel.ts'

/** A larger example says nothing that a smaller one doesn't. */
const bytesMax = 16 * 1024 ** 2

/**
 * The input example that MLflow saved with a model, as the body of a request to /invocations; undefined when there is
 * none that can be sent. Throws for one that is missing or too large.
 */
export const readInputExample = async (directory: string): Promise<Uint8Array | undefined> => {
  const example = (await readMlmodel(directory))?.example
  if (example === undefined || example.form === 'other') return undefined
  // Why: MLflow writes it beside MLmodel; a path that leads elsewhere is somebody else's idea.
  if (basename(example.file) !== example.file)
    throw new Error(`'${example.file.slice(0, 100)}' is not a file beside MLmodel`)
  const path = join(directory, example.file)
  const facts = await stat(path)
  // Why: a pipe in its place would keep the reader waiting for ever.
  if (!facts.isFile()) throw new Error(`${example.file} is not a file`)
  const { size } = facts
  if (size > bytesMax) throw new Error(`${example.file} has ${size} bytes; ${bytesMax} are read`)
  const bytes = await readFile(path)
  return example.form === 'body' ? bytes : Buffer.concat([Buffer.from('{"dataframe_split":'), bytes, Buffer.from('}')])
}
