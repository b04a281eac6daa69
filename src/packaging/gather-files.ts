import { lstat, readdir, realpath, stat } from 'node:fs/promises'
import { basename, join, sep } from 'node:path'
import type { ModelSpec } from './model-spec.ts'
import { PackagingError } from './packaging-error.ts'

/** A file of a package: where it will be, and where it is now. */
export interface GatheredFile {
  /** Path in the version's folder, with / between its parts. */
  readonly path: string
  readonly source: string
}

const filesMax = 100_000

/** File names by which engines know their models. */
const modelNames: readonly (readonly [ending: string, name: string])[] = [
  ['.onnx', 'model.onnx'],
  ['.echo.json', 'model.echo.json'],
  ['.ts', 'model.ts'],
  ['.mjs', 'model.mjs'],
  ['.js', 'model.js'],
  ['.py', 'model.py'],
]

/** The files of the model: one under the name that its engine looks for, or those of a folder that aren't hidden. */
export const gatherModel = async (
  directory: string,
  model: string,
  leftOut: (path: string) => void,
): Promise<GatheredFile[]> => {
  const source = await inside(directory, model, 'model')
  if ((await stat(source)).isDirectory()) return gatherVisible(source, leftOut)
  const name = modelNames.find(([ending]) => basename(model).endsWith(ending))?.[1]
  if (name === undefined) {
    const endings = modelNames.map(([ending]) => ending).join(', ')
    throw new PackagingError([
      `model: '${basename(model)}' is not a model file; they end in ${endings}, or are folders`,
    ])
  }
  return [{ path: name, source }]
}

/**
 * The files of a model's folder without what is hidden in it, of which `leftOut` is told: keys and histories of a user are,
 * and no model is.
 */
export const gatherVisible = (root: string, leftOut: (path: string) => void): Promise<GatheredFile[]> =>
  gatherFolder(root, (path) => {
    const isHidden = path.startsWith('.', path.lastIndexOf('/') + 1)
    if (isHidden) leftOut(path)
    return isHidden
  })

/** The code before and behind the model, each under the name of its step. */
export const gatherSteps = async (
  directory: string,
  spec: ModelSpec,
): Promise<{ readonly files: GatheredFile[]; readonly steps: { preprocess?: string; postprocess?: string } }> => {
  const files: GatheredFile[] = []
  const steps: { preprocess?: string; postprocess?: string } = {}
  for (const step of ['preprocess', 'postprocess'] as const) {
    const file = spec[step]
    if (file === undefined) continue
    const source = await inside(directory, file, step)
    if (!(await stat(source)).isFile()) throw new PackagingError([`${step}: '${file}' is not a file`])
    const path = `${step}${file.slice(file.lastIndexOf('.'))}`
    files.push({ path, source })
    steps[step] = path
  }
  return { files, steps }
}

/** The real path of something below the folder; symbolic links may not lead out of it. */
const inside = async (directory: string, path: string, field: string): Promise<string> => {
  const root = await realpath(directory)
  const found = await realpath(join(root, path)).catch((error: unknown) => {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    const reason = missing ? `there is no '${path}'` : `'${path}' can't be read: ${(error as Error).message}`
    throw new PackagingError([`${field}: ${reason}`])
  })
  if (found !== root && !found.startsWith(root + sep))
    throw new PackagingError([`${field}: '${path}' leads out of the folder of model.yaml`])
  return found
}

/** Every file below a folder but what is skipped. Links are followed within it, since a package has none. */
export const gatherFolder = async (
  root: string,
  isSkipped: (path: string) => boolean = () => false,
): Promise<GatheredFile[]> => {
  const files: GatheredFile[] = []
  const pending = ['']
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    for (const entry of await readdir(join(root, folder))) {
      const path = folder === '' ? entry : `${folder}/${entry}`
      if (isSkipped(path)) continue
      const kind = await kindOf(root, path)
      if (kind === 'folder') pending.push(path)
      else files.push({ path, source: join(root, path) })
      if (files.length + pending.length > filesMax)
        throw new PackagingError([`'${root}' has more than ${filesMax} files`])
    }
  }
  return files
}

const kindOf = async (root: string, path: string): Promise<'file' | 'folder'> => {
  const facts = await lstat(join(root, path))
  if (facts.isDirectory()) return 'folder'
  if (facts.isFile()) return 'file'
  if (!facts.isSymbolicLink()) throw new PackagingError([`'${path}' is neither a file nor a folder`])
  const target = await realpath(join(root, path)).catch(() => '')
  if (!target.startsWith((await realpath(root)) + sep))
    throw new PackagingError([`'${path}' leads out of the folder of the model`])
  if (!(await stat(target)).isFile())
    throw new PackagingError([`'${path}' is a link to a folder; put the folder itself there`])
  return 'file'
}
