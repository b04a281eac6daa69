import { closeSync, constants, fstatSync, lstatSync, openSync, realpathSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { ProtobufError } from '../../../lib/index.ts'
import type { ExternalData, OnnxFacts } from './onnx-file.ts'
import { readOnnxFacts } from './onnx-file.ts'

/** A file that must not be given to the runtime. */
export class OnnxRefused extends Error {
  override name = 'OnnxRefused'
}

export interface OnnxLimits {
  readonly bytesMax: number
  /** Operator domains beside those of ONNX and of ONNX Runtime. */
  readonly allowedDomains: readonly string[]
}

/** Domains whose operators are part of the standard or of the runtime. */
const knownDomains: ReadonlySet<string> = new Set([
  '',
  'ai.onnx',
  'ai.onnx.ml',
  'ai.onnx.training',
  'ai.onnx.preview.training',
  'com.microsoft',
  'com.microsoft.nchwc',
  'com.microsoft.experimental',
  'com.ms.internal.nhwc',
])

/**
 * Checks an ONNX file before the runtime sees it: that it is one, its size, where its external data lie, which
 * operators it needs. The runtime has let links lead out of the model's folder more than once (CVE-2022-25882,
 * CVE-2024-27318, CVE-2026-27489, CVE-2026-34446), so that is decided here. Throws OnnxRefused.
 */
export const checkOnnx = (path: string, limits: OnnxLimits): OnnxFacts => {
  const fd = open(path)
  try {
    const facts = fstatSync(fd)
    if (!facts.isFile()) throw new OnnxRefused('the model file is not a regular file')
    if (facts.size === 0) throw new OnnxRefused('the model file is empty')
    if (facts.size > limits.bytesMax)
      throw new OnnxRefused(`the model file has ${facts.size} bytes; the limit is ${limits.bytesMax}`)
    const onnx = read(fd, facts.size)
    checkFacts(onnx, limits)
    const folder = realpathSync(dirname(path))
    for (const external of onnx.external) checkExternal(folder, external)
    return onnx
  } finally {
    closeSync(fd)
  }
}

const open = (path: string): number => {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    throw new OnnxRefused(`the model file can't be opened: ${(error as Error).message}`, { cause: error })
  }
}

const read = (fd: number, bytes: number): OnnxFacts => {
  try {
    return readOnnxFacts(fd, bytes)
  } catch (error) {
    const reason = error instanceof ProtobufError ? `it is damaged: ${error.message}` : (error as Error).message
    throw new OnnxRefused(`the model file is not ONNX, or ${reason}`, { cause: error })
  }
}

const checkFacts = (onnx: OnnxFacts, limits: OnnxLimits): void => {
  if (!onnx.hasGraph) throw new OnnxRefused('the model file is not ONNX: it has no graph')
  if (onnx.lies.length > 0) {
    throw new OnnxRefused(`the data of tensor '${onnx.lies[0] ?? ''}' are not as long as its dimensions say`)
  }
  const allowed = new Set([...knownDomains, ...limits.allowedDomains, ...onnx.functionDomains])
  for (const domain of onnx.domains) {
    if (!allowed.has(domain)) {
      throw new OnnxRefused(
        `the model needs operators of the domain '${domain.slice(0, 100)}', which serving.onnx.allowedDomains doesn't list`,
      )
    }
  }
}

const checkExternal = (folder: string, { tensor, location, offset, length }: ExternalData): void => {
  const refuse = (reason: string): OnnxRefused =>
    new OnnxRefused(`external data of tensor '${tensor}' at '${location.slice(0, 200)}' ${reason}`)
  const parts = location.split(/[/\\]/)
  if (location === '' || location.includes('\0') || parts[0] === '' || /^[A-Za-z]:/.test(location))
    throw refuse('must have a relative path')
  if (parts.includes('..')) throw refuse('lead out of the folder of the model')
  let path = folder
  for (const part of parts) {
    path = join(path, part)
    const facts = lstatSync(path, { throwIfNoEntry: false })
    if (facts === undefined) throw refuse('are missing')
    if (facts.isSymbolicLink()) throw refuse('go through a symbolic link')
  }
  const facts = lstatSync(path)
  if (!facts.isFile()) throw refuse('are not a regular file')
  // Why: a hard link shows another file's bytes under a name in this folder.
  if (facts.nlink !== 1) throw refuse('are a hard link')
  if (!realpathSync(path).startsWith(folder + sep)) throw refuse('lead out of the folder of the model')
  const end = offset + (length ?? 0)
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(end) || offset < 0 || end < offset || end > facts.size) {
    throw refuse(`claim the bytes ${offset} to ${end} of a file of ${facts.size}`)
  }
}
