import { readdirSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { Refusal } from './command.ts'

/** A model in a folder of Triton's layout. */
export interface FolderModel {
  readonly name: string
  readonly path: string
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

/** Whether a folder as a whole is a model: one that MLflow saved, or a Python module with what it needs. */
export const isWholeModel = (folder: string): boolean =>
  ['MLmodel', 'model.py'].some((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isFile() === true)

/** The newest version's file of a folder NAME/VERSION/model.onnx; undefined when it holds no such. */
const ofModel = (folder: string): FolderModel | undefined => {
  const versions = readdirSync(folder)
    .filter((name) => /^[1-9]\d{0,14}$/.test(name))
    .sort((left, right) => Number(right) - Number(left))
  const paths = versions.map((version) => join(folder, version, 'model.onnx'))
  const path = paths.find((each) => statSync(each, { throwIfNoEntry: false })?.isFile() === true)
  return path === undefined ? undefined : { name: basename(folder), path }
}

/** The model in a folder: of a version, of a model, or of a repository that holds just one. Throws Refusal. */
export const modelInFolder = (given: string): FolderModel => {
  const folder = resolve(given)
  const own = join(folder, 'model.onnx')
  if (statSync(own, { throwIfNoEntry: false })?.isFile() === true)
    return { name: basename(join(folder, '..')), path: own }
  const model = ofModel(folder)
  if (model !== undefined) return model
  const models = readdirSync(folder)
    .map((name) => join(folder, name))
    .filter(isFolder)
    .flatMap((each) => ofModel(each) ?? [])
  const [only] = models
  if (only === undefined)
    throw new Refusal(
      `'${given}' holds no MLmodel, no model.py and no NAME/VERSION/model.onnx; slipway convert makes one of a trained model`,
    )
  if (models.length > 1) {
    const names = models.map(({ name }) => name).join(', ')
    throw new Refusal(
      `'${given}' holds several models: ${names}; name one's folder, or serve all with --model-repository`,
    )
  }
  return only
}
