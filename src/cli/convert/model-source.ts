import { readFileSync, statSync } from 'node:fs'
import { basename, extname, isAbsolute, join, normalize, resolve } from 'node:path'
import { Refusal, UsageError } from '../command.ts'
import type { Flavor } from './flavors.ts'
import { fileEndings, flavorOfFile } from './flavors.ts'
import { readMlmodel } from './mlmodel.ts'

/** A model on this machine's disk, and what is known of it before any of it is loaded. */
export interface ModelSource {
  readonly path: string
  readonly flavor: Flavor
  readonly facts: Readonly<Record<string, unknown>>
  readonly signature: readonly unknown[] | undefined
  /** Path of the input example. */
  readonly example: string | undefined
  /** Lines of the model's own requirements; undefined when it came without. */
  readonly requirements: readonly string[] | undefined
  /** A name for the model when the user gives none. */
  readonly name: string
}

/** MLmodel files and requirements are far shorter. */
const textBytesMax = 1024 * 1024

/** Finds out what lies at a path: an MLflow folder, a SavedModel or a file. Throws Refusal. */
export const findModel = (given: string, wanted: Flavor | undefined): ModelSource => {
  const path = resolve(given)
  const facts = statSync(path, { throwIfNoEntry: false })
  if (facts === undefined) throw new Refusal(`there is no file or folder '${given}'`, 'not_found')
  if (facts.isDirectory()) return findInFolder(path, wanted)
  const flavor = wanted ?? flavorOfFile(path)
  if (flavor === undefined) {
    throw new Refusal(
      extname(path) === '.onnx'
        ? `'${basename(path)}' is ONNX already; slipway deploy takes it as it is`
        : `'${basename(path)}' doesn't say what it is; name it with --flavor, or rename it (${fileEndings})`,
      'wrong_flavor',
    )
  }
  const bare = { facts: {}, signature: undefined, example: undefined, requirements: undefined }
  return { path, flavor, ...bare, name: nameFrom(basename(path, extname(path))) }
}

const findInFolder = (path: string, wanted: Flavor | undefined): ModelSource => {
  const name = nameFrom(basename(path))
  if (statSync(join(path, 'MLmodel'), { throwIfNoEntry: false }) !== undefined) {
    const model = readMlmodel(readText(join(path, 'MLmodel')), wanted)
    return { path, name, ...model, example: exampleIn(path, model.example), requirements: requirementsIn(path) }
  }
  if (statSync(join(path, 'saved_model.pb'), { throwIfNoEntry: false }) === undefined)
    throw new Refusal(`'${path}' is neither an MLflow model (MLmodel) nor a SavedModel (saved_model.pb)`, 'not_found')
  return {
    path,
    name,
    flavor: 'tensorflow',
    facts: {},
    signature: undefined,
    example: undefined,
    requirements: undefined,
  }
}

const readText = (path: string): string => {
  const facts = statSync(path)
  // Why: a pipe in its place would keep the reader waiting for ever, deaf to signals.
  if (!facts.isFile()) throw new Refusal(`'${path}' is not a file`)
  const { size } = facts
  if (size > textBytesMax) throw new Refusal(`'${path}' has ${size} bytes, the limit is ${textBytesMax}`)
  return readFileSync(path, 'utf8')
}

/** The example's path, unless what MLmodel names would lead out of the folder or isn't there. */
const exampleIn = (folder: string, named: string | undefined): string | undefined => {
  if (named === undefined || isAbsolute(named) || normalize(named).startsWith('..')) return undefined
  const path = join(folder, named)
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true ? path : undefined
}

const requirementsIn = (folder: string): readonly string[] | undefined => {
  const path = join(folder, 'requirements.txt')
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined
  return readText(path)
    .split(/\r?\n/)
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter((line) => line !== '')
}

/** A name that may be one of a model's, made of another text. */
const nameFrom = (text: string): string => text.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[.-]+/, '') || 'model'

/** Checks the name that the user gave. */
export const requireModelName = (name: string): string => {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(name))
    throw new UsageError(
      `--name '${name}' must have letters, digits, '.', '_' and '-', 128 at most, and no dot in front`,
    )
  return name
}
