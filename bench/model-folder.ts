import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildOnnx } from '../src/testing/index.ts'
import type { OnnxModel } from '../src/testing/index.ts'

/** Adds a version to a repository in Triton's layout; it appears whole or not at all. Gives the model's file. */
export const addVersion = async (
  repository: string,
  name: string,
  version: number,
  model: OnnxModel,
): Promise<string> => {
  const folder = join(repository, name)
  // A dot keeps the unfinished folder out of a scan for version numbers.
  const unfinished = join(folder, `.${version}`)
  await mkdir(unfinished, { recursive: true })
  await writeFile(join(unfinished, 'model.onnx'), buildOnnx(model))
  await rename(unfinished, join(folder, String(version)))
  return join(folder, String(version), 'model.onnx')
}

/** Writes a model's config.pbtxt. */
export const writeConfig = async (repository: string, name: string, config: string): Promise<void> => {
  await mkdir(join(repository, name), { recursive: true })
  await writeFile(join(repository, name, 'config.pbtxt'), config)
}
