import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { whyUnreadable } from '../lib/index.ts'
import { PackagingError } from './packaging-error.ts'

export interface ManifestFile {
  /** Path in the package, with / between its parts. */
  readonly path: string
  readonly bytes: number
  readonly sha256: string
}

/** What a package consists of. */
export interface Manifest {
  readonly format: 1
  readonly name: string
  readonly version: number
  readonly files: readonly ManifestFile[]
}

export const manifestName = 'manifest.json'
const manifestBytesMax = 64 * 1024 ** 2

export const sha256Of = async (path: string): Promise<string> => {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array)
  return hash.digest('hex')
}

/** The manifest as it is written: the same files give the same bytes. */
export const manifestText = (manifest: Manifest): string => `${JSON.stringify(manifest, undefined, 2)}\n`

/** Names a package by all that is in it. */
export const packageDigest = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`

/** Reads a package's manifest and every file that it lists. Throws PackagingError for what is missing, changed or added. */
export const verifyPackage = async (root: string): Promise<Manifest> => {
  const manifest = await readManifest(root)
  const listed = new Map(manifest.files.map((file) => [file.path, file]))
  const problems: string[] = []
  const seen = new Set<string>()
  for (const path of await pathsBelow(root)) {
    if (path === manifestName) continue
    seen.add(path)
    const file = listed.get(path)
    if (file === undefined) problems.push(`${path} is not in the manifest`)
    else if (await isChanged(join(root, path), file)) problems.push(`${path} is not what the manifest says`)
  }
  for (const { path } of manifest.files) if (!seen.has(path)) problems.push(`${path} is missing`)
  if (problems.length > 0) throw new PackagingError(problems.map((problem) => `package ${root}: ${problem}`))
  return manifest
}

const isChanged = async (path: string, { bytes, sha256 }: ManifestFile): Promise<boolean> =>
  (await stat(path)).size !== bytes || (await sha256Of(path)) !== sha256

/** Reads the manifest alone. Throws PackagingError when there is none that can be read. */
export const readManifest = async (root: string): Promise<Manifest> => {
  const path = join(root, manifestName)
  try {
    const facts = await lstat(path)
    // Why: a pipe in its place would keep the reader waiting for ever.
    if (!facts.isFile()) throw new Error('it is not a file')
    if (facts.size > manifestBytesMax) throw new Error('it is too large')
    const manifest: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (!isManifest(manifest)) throw new Error('it has another format')
    return manifest
  } catch (error) {
    throw new PackagingError([`'${root}' is not a package: ${await whyNoManifest(root, error)}`])
  }
}

const whyNoManifest = async (root: string, error: unknown): Promise<string> => {
  const known = await readdir(root).catch(() => undefined)
  if (known === undefined) return 'there is no such folder'
  const isProject = known.includes('model.yaml') && !known.includes(manifestName)
  const make = isProject ? `; slipway package ${root} --output DIR makes one of it` : ''
  return `its ${manifestName} can't be read: ${whyUnreadable(error)}${make}`
}

const isManifest = (value: unknown): value is Manifest => {
  if (!isObject(value)) return false
  const { format, name, version, files } = value
  const isWhole = format === 1 && typeof name === 'string' && Number.isSafeInteger(version)
  return isWhole && Array.isArray(files) && files.every(isManifestFile)
}

const isManifestFile = (value: unknown): value is ManifestFile => {
  if (!isObject(value)) return false
  const { path, bytes, sha256 } = value
  return typeof path === 'string' && Number.isSafeInteger(bytes) && typeof sha256 === 'string'
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** Paths of the files of a package. A package has no links. */
export const pathsBelow = async (root: string): Promise<string[]> => {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  return entries
    .flatMap((entry) => {
      if (entry.isDirectory()) return []
      const path = join(entry.parentPath, entry.name)
        .slice(root.length)
        .replace(/^[/\\]/, '')
        .replaceAll('\\', '/')
      if (!entry.isFile()) throw new PackagingError([`package ${root}: ${path} is not a file`])
      return [path]
    })
    .sort()
}
