import type { Dirent } from 'node:fs'
import { open, readdir, readFile, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fail } from '../../protocol/index.ts'
import { FileWindow } from './file-window.ts'
import { mlmodelProblem } from './mlmodel-problem.ts'
import { namesPickle } from './names-pickle.ts'
import { runsWhenUnpickled } from './runs-when-unpickled.ts'

/** Also compressed, which readers undo by themselves. */
const pickleName = /\.(?:pkl|pickle|joblib|pt|pth|dill|cloudpickle)(?:\.(?:gz|z|bz2|xz|lzma|zst|lz4))?$/i
/** A folder with more files than this is not a model that can be judged. */
const filesMax = 10_000
const mlmodelName = 'MLmodel'
const mlmodelBytesMax = 4 * 1024 ** 2

/**
 * Throws load_failed for a folder that may be read by way of a pickle, which runs whatever code its author put in it: an
 * MLmodel that is not of a flavor and format known to do without, or a file that is a pickle by its name, or by what
 * reading it as one would do, or an archive with such a file.
 */
export const refusePickle = async (model: string, directory: string): Promise<void> => {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true })
  if (entries.length > filesMax) throw refused(model, `it has more than ${filesMax} files`)
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name)
    const problem = await problemOf(entry, path, relative(directory, path))
    if (problem !== undefined) throw refused(model, problem)
  }
}

const problemOf = async (entry: Dirent, path: string, name: string): Promise<string | undefined> => {
  if (entry.name.toLowerCase() === mlmodelName.toLowerCase()) {
    // Why: a flavor may be read from a folder within, by the MLmodel that is there.
    if (name !== mlmodelName) return `it has a second description of a model, ${name}`
    const problem = await problemOfMlmodel(path)
    if (problem !== undefined) return problem
  }
  if (entry.isDirectory()) return undefined
  const facts = await stat(path).catch(() => undefined)
  if (facts?.isFile() !== true) return `its ${name} is neither a file nor a folder, or can't be read`
  if (pickleName.test(entry.name) || (await looksLikePickle(path, facts.size)))
    return `its file ${name} is a pickle or looks like one`
  return undefined
}

const problemOfMlmodel = async (path: string): Promise<string | undefined> => {
  const facts = await stat(path).catch(() => undefined)
  if (facts?.isFile() !== true) return "its MLmodel can't be read: it is not a file"
  if (facts.size > mlmodelBytesMax) return `its MLmodel can't be read: it is larger than ${mlmodelBytesMax} bytes`
  return mlmodelProblem(await readFile(path, 'utf8'))
}

const looksLikePickle = async (path: string, size: number): Promise<boolean> => {
  const file = await open(path)
  try {
    const window = new FileWindow(file, size)
    return (await runsWhenUnpickled(window)) || (await namesPickle(window))
  } finally {
    await file.close()
  }
}

const refused = (model: string, reason: string): Error =>
  fail('load_failed', {
    model,
    reason:
      `${reason}, which runs code when it is read and is refused by serving.python.pickle; ` +
      "save the model with skops, as ONNX, or in its library's own format",
  })
