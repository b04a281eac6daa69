import { createHash } from 'node:crypto'
import { requireArtifactPath } from '../artifact-path.ts'
import { BundleError, jsonFields, readJson } from './signature-bundle.ts'

/** What a signature says of a model's files. */
export interface SignedStatement {
  /** Digests (SHA-256 in hex) by path below the model's folder. */
  readonly files: ReadonlyMap<string, SignedFile>
  /** Files, and folders with all in them, that the signature doesn't speak of. */
  readonly ignored: readonly string[]
  /** Files without content aren't listed when files are signed in shards. */
  readonly omitsEmpty: boolean
}

export interface SignedFile {
  readonly digest: string
  /** Where it is said. */
  readonly bytes: number | undefined
}

const payloadType = 'application/vnd.in-toto+json'
const statementType = 'https://in-toto.io/Statement/v1'
const predicateType = 'https://model_signing/signature/v1.0'
/** Excluded at the top of every model's folder (specification 1.0, 6.2). */
const alwaysIgnored = ['.git', '.gitattributes', '.github', '.gitignore'] as const
const filesMax = 100_000
const ignoredMax = 1000

const hex = (value: unknown, what: string): string => {
  if (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) return value
  throw new BundleError(`${what} is no SHA-256 in lower-case hex`)
}

/** A path that can only be read in one way, and stays within the folder. */
const canonical = (value: unknown, what: string): string => {
  if (typeof value !== 'string') throw new BundleError(`${what} is no path`)
  let path: string | undefined
  try {
    path = requireArtifactPath(value)
  } catch {
    path = undefined
  }
  if (path !== value)
    throw new BundleError(`${what} '${value.slice(0, 100)}' is not a canonical path within the folder`)
  return path
}

/** `PATH:START:END`; a file that fits into one shard has its own digest. */
const shardOf = (name: unknown, shardSize: number): { readonly path: string; readonly bytes: number } => {
  const [, path, start, end] = typeof name === 'string' ? (/^(.*):(\d{1,15}):(\d{1,15})$/s.exec(name) ?? []) : []
  if (path === undefined) throw new BundleError("a resource's name is not that of a shard")
  const bytes = Number(end)
  if (start !== '0' || String(bytes) !== end || bytes === 0 || bytes > shardSize)
    throw new BundleError(
      `'${path.slice(0, 100)}' is signed in several shards, which is not supported; sign whole files`,
    )
  return { path, bytes }
}

interface Serialization {
  readonly shardSize: number | undefined
  readonly ignored: readonly string[]
}

const serializationOf = (value: unknown): Serialization => {
  const fields = jsonFields(value, 'the serialization')
  const { method, hash_type: hashType, shard_size: shardSize, ignore_paths: ignored = [] } = fields
  if (method !== 'files' && method !== 'shards') throw new BundleError('the serialization is neither files nor shards')
  if (hashType !== 'sha256')
    throw new BundleError(`files are hashed with ${String(hashType).slice(0, 20)}; sha256 is supported`)
  if (method === 'shards' && !(typeof shardSize === 'number' && Number.isSafeInteger(shardSize) && shardSize > 0))
    throw new BundleError('the size of the shards is missing')
  if (!Array.isArray(ignored) || ignored.length > ignoredMax)
    throw new BundleError('the ignored paths are no short list')
  for (const path of ignored)
    if (/[*?[]/.test(canonical(path, 'the ignored path'))) throw new BundleError('an ignored path is a pattern')
  return { shardSize: method === 'shards' ? (shardSize as number) : undefined, ignored: ignored as string[] }
}

const filesOf = (
  resources: unknown,
  { shardSize }: Serialization,
): { files: Map<string, SignedFile>; root: string } => {
  if (!Array.isArray(resources) || resources.length === 0) throw new BundleError('the signature lists no files')
  if (resources.length > filesMax) throw new BundleError(`the signature lists more than ${filesMax} files`)
  const files = new Map<string, SignedFile>()
  const root = createHash('sha256')
  for (const resource of resources) {
    const { name, digest, algorithm } = jsonFields(resource, 'a resource')
    // The reference implementation writes the shards' size into the name of the hash.
    if (algorithm !== 'sha256' && !(shardSize !== undefined && algorithm === `sha256-sharded-${shardSize}`))
      throw new BundleError('a file is not hashed with sha256')
    const shard = shardSize === undefined ? undefined : shardOf(name, shardSize)
    const path = canonical(shard?.path ?? name, 'the file')
    if (files.has(path)) throw new BundleError(`the signature lists '${path.slice(0, 100)}' twice`)
    files.set(path, { digest: hex(digest, 'a digest'), bytes: shard?.bytes })
    root.update(hex(digest, 'a digest'), 'hex')
  }
  return { files, root: root.digest('hex') }
}

/**
 * Reads what was signed: an in-toto statement with the predicate of OpenSSF model signing 1.0
 * (github.com/ossf/model-signing-spec). Fails with BundleError for what the specification forbids.
 */
export const readStatement = (type: string, payload: Uint8Array): SignedStatement => {
  if (type !== payloadType) throw new BundleError('the payload is no in-toto statement')
  const statement = jsonFields(readJson(payload, 'the statement'), 'the statement')
  if (statement['_type'] !== statementType) throw new BundleError('the payload is no in-toto statement of version 1')
  if (statement['predicateType'] !== predicateType)
    throw new BundleError('the statement is not about a model, or of another version')
  const { subject } = statement
  if (!Array.isArray(subject) || subject.length !== 1) throw new BundleError('the statement must have one subject')
  const digests = jsonFields(jsonFields(subject[0], 'the subject')['digest'], "the subject's digest")
  const predicate = jsonFields(statement['predicate'], 'the predicate')
  const serialization = serializationOf(predicate['serialization'])
  const { files, root } = filesOf(predicate['resources'], serialization)
  if (hex(digests['sha256'], "the subject's digest") !== root)
    throw new BundleError("the model's digest is not that of the files listed")
  return {
    files,
    ignored: [...alwaysIgnored, ...serialization.ignored],
    omitsEmpty: serialization.shardSize !== undefined,
  }
}
