import { copyFile, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { stringify } from 'yaml'
import { decodeJsonTensor, TensorError } from '../tensor/index.ts'
import type { FreezeOrder } from './freeze-requirements.ts'
import { gatherFolder, gatherModel, gatherSteps } from './gather-files.ts'
import type { GatheredFile } from './gather-files.ts'
import type { Manifest } from './manifest.ts'
import { manifestName, manifestText, packageDigest, pathsBelow, readManifest, sha256Of } from './manifest.ts'
import type { ModelSpec, WarmupInputSpec } from './model-spec.ts'
import { PackagingError } from './packaging-error.ts'
import { isReference } from './parse-spec.ts'
import { inPartFolder } from './part-folder.ts'
import { tritonConfig, warmupFile } from './triton-config.ts'

export interface PackageOrder {
  readonly spec: ModelSpec
  /** The folder of model.yaml. */
  readonly directory: string
  readonly output: string
  /** Puts the files that a reference names into a folder, and answers what it stands for now. */
  fetchModel(reference: string, folder: string): Promise<string>
  /** Told of hidden files and folders of the model, which stay behind. */
  leftOut(path: string): void
  /** Freezes the requirements of a Python model in its folder, and may put wheels beside them. */
  freeze(order: FreezeOrder): Promise<void>
}

export interface WrittenPackage {
  readonly manifest: Manifest
  readonly digest: string
  /** Whether it needs a Python interpreter. */
  readonly needsPython: boolean
}

/** Where wheels lie in a package: no model has such a name. */
export const wheelsFolder = '.wheels'

/**
 * Writes a package: a model repository with one model, the model.yaml it came from with everything resolved, and a
 * manifest with the digest of each file. It appears whole or not at all, and takes the place of an earlier package.
 */
export const writePackage = async (order: PackageOrder): Promise<WrittenPackage> => {
  const output = resolve(order.output)
  await requireReplaceable(output)
  return inPartFolder(output, async (made) => {
    const written = await fill(order, made)
    await rm(output, { recursive: true, force: true })
    await rename(made, output)
    return written
  })
}

/** Only a package or an empty folder is replaced. */
const requireReplaceable = async (output: string): Promise<void> => {
  const entries: string[] = await readdir(output).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return []
    throw new PackagingError([`'${output}' can't be written: ${error.message}`])
  })
  if (entries.length === 0) return
  const files = await readManifest(output).then(
    (manifest) => manifest.files,
    () => [],
  )
  // Why so strict: other programs have a manifest.json too, and what is replaced is gone.
  const known = new Set([manifestName, ...files.map(({ path }) => path.split('/')[0])])
  if (files.length === 0 || !entries.every((entry) => known.has(entry)))
    throw new PackagingError([`'${output}' holds something else than a package; name another folder`])
}

const fill = async (order: PackageOrder, made: string): Promise<WrittenPackage> => {
  const { spec, directory, fetchModel, leftOut, freeze } = order
  const { name, version = 1 } = spec
  const home = join(made, name)
  const folder = join(home, String(version))
  await mkdir(folder, { recursive: true })
  let source = spec.model
  if (isReference(spec.model)) source = await fetchModel(spec.model, folder)
  else await copyAll(await gatherModel(directory, spec.model, leftOut), folder)
  const { files, steps } = await gatherSteps(directory, spec)
  await copyAll(files, folder)
  const needsPython = await isPython(folder, Object.values(steps))
  if (needsPython)
    await freeze({ folder, wheels: join(made, wheelsFolder), requirements: spec.resources?.requirements })
  await writeWarmups(spec, home)
  const config = tritonConfig(spec, steps)
  if (config !== '') await writeFile(join(home, 'config.pbtxt'), config)
  await writeFile(
    join(made, 'model.yaml'),
    stringify({ ...spec, version, model: `${name}/${version}`, ...steps, source }),
  )
  const manifest = await manifestOf(made, name, version)
  const text = manifestText(manifest)
  await writeFile(join(made, manifestName), text)
  return { manifest, digest: packageDigest(text), needsPython }
}

const copyAll = async (files: readonly GatheredFile[], folder: string): Promise<void> => {
  for (const { path, source } of files) {
    const target = join(folder, path)
    if ((await stat(target).catch(() => undefined)) !== undefined)
      throw new PackagingError([`'${path}' of the package would be two files at once`])
    await mkdir(dirname(target), { recursive: true })
    await copyFile(source, target)
  }
}

const isPython = async (folder: string, steps: readonly string[]): Promise<boolean> => {
  const names = (await gatherFolder(folder)).map((file) => file.path)
  return names.includes('MLmodel') || names.includes('model.py') || steps.some((step) => step.endsWith('.py'))
}

const writeWarmups = async (spec: ModelSpec, home: string): Promise<void> => {
  for (const [index, sample] of (spec.warmup ?? []).entries()) {
    await mkdir(join(home, 'warmup'), { recursive: true })
    for (const [at, [name, input]] of Object.entries(sample.inputs).entries())
      await writeFile(join(home, 'warmup', warmupFile(index, at)), warmupBytes(name, input, `warmup[${index}].inputs`))
  }
}

const warmupBytes = (name: string, { datatype, shape, values }: WarmupInputSpec, where: string): Uint8Array => {
  try {
    return decodeJsonTensor({ name, datatype, shape, data: values, exact: true }).data
  } catch (error) {
    if (error instanceof TensorError) throw new PackagingError([`${where}.${name}: ${error.reason}`])
    throw error
  }
}

const manifestOf = async (root: string, name: string, version: number): Promise<Manifest> => {
  const files = []
  for (const path of await pathsBelow(root)) {
    const { size } = await stat(join(root, path))
    files.push({ path, bytes: size, sha256: await sha256Of(join(root, path)) })
  }
  return { format: 1, name, version, files }
}
