import type { Stats } from 'node:fs'
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, realpathSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { ProtobufError } from '../../../lib/index.ts'
import type { OnnxFacts } from './onnx-file.ts'
import { readOnnxFacts } from './onnx-file.ts'
import type { ExternalData } from './onnx-tensor.ts'

/** A file that must not be given to the runtime. */
export class OnnxRefused extends Error {
  override name = 'OnnxRefused'
}

export interface OnnxLimits {
  readonly bytesMax: number
  /** Operator domains beside those of ONNX and of ONNX Runtime. */
  readonly allowedDomains: readonly string[]
}

/** Newest IR version that ONNX Runtime 1.30 reads. */
const irVersionMax = 13

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
    refuseOrtFormat(path, fd)
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

/**
 * The runtime has a format of its own, which it tells by the ending of the name or by four letters of the file.
 * Those letters fit into a text of an ONNX file, so a file could pass as the one here and be read as the other there.
 */
const refuseOrtFormat = (path: string, fd: number): void => {
  const start = Buffer.alloc(8)
  readSync(fd, start, 0, 8, 0)
  if (path.toLowerCase().endsWith('.ort') || start.toString('latin1', 4) === 'ORTM')
    throw new OnnxRefused(
      'the model file is in the format of ONNX Runtime (.ort); serve the ONNX file it was made from',
    )
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
  if (onnx.irVersion > irVersionMax) {
    throw new OnnxRefused(
      `the model file has the IR version ${onnx.irVersion}; the runtime reads up to ${irVersionMax}. Export it with an older version`,
    )
  }
  const allowed = new Set([...knownDomains, ...limits.allowedDomains])
  for (const [domain, operators] of onnx.operators) {
    if (allowed.has(domain)) continue
    const functions = onnx.functions.get(domain)
    const foreign = [...operators].find((operator) => functions?.has(operator) !== true)
    if (foreign !== undefined) {
      throw new OnnxRefused(
        `the model needs '${foreign}' of the operators of the domain '${domain}', which serving.onnx.allowedDomains doesn't list`,
      )
    }
  }
}

/** Marks data in the memory of the process, at the offset as an address (ONNX Runtime, tensorprotoutils.h). */
const memoryMark = '_ORT_MEM_ADDR_'

const checkExternal = (folder: string, external: ExternalData): void => {
  const { tensor, location } = external
  const refuse = (reason: string): OnnxRefused =>
    new OnnxRefused(`external data of tensor '${tensor}' at '${location.slice(0, 200)}' ${reason}`)
  const parts = location.split(/[/\\]/)
  if (location === '' || location.includes('\0') || parts[0] === '' || /^[A-Za-z]:/.test(location))
    throw refuse('must have a relative path')
  if (parts.includes('..')) throw refuse('lead out of the folder of the model')
  // Why: to some systems it separates folders, to others it is a letter, so two files would answer to the location.
  if (location.includes('\\')) throw refuse('must have a path without backslashes')
  if (location.includes(memoryMark)) throw refuse('point into memory')
  checkRange(external, checkedFileBytes(folder, parts, refuse), refuse)
}

/** Size of the external file, once it is known to be a plain file of the model's folder and nothing but that. */
const checkedFileBytes = (
  folder: string,
  parts: readonly string[],
  refuse: (reason: string) => OnnxRefused,
): number => {
  let path = folder
  for (const part of parts) {
    path = join(path, part)
    const facts = factsOf(path)
    if (facts === undefined) throw refuse('are missing')
    if (facts.isSymbolicLink()) throw refuse('go through a symbolic link')
  }
  const facts = lstatSync(path)
  if (!facts.isFile()) throw refuse('are not a regular file')
  // Why: a hard link shows another file's bytes under a name in this folder.
  if (facts.nlink !== 1) throw refuse('are a hard link')
  if (!realpathSync(path).startsWith(folder === sep ? sep : folder + sep))
    throw refuse('lead out of the folder of the model')
  return facts.size
}

/** Undefined also for a path through something that is no folder, or with a name too long for the system. */
const factsOf = (path: string): Stats | undefined => {
  try {
    return lstatSync(path)
  } catch {
    return undefined
  }
}

const checkRange = (
  { offset, length, bytes }: ExternalData,
  fileBytes: number,
  refuse: (reason: string) => OnnxRefused,
): void => {
  const claimed = length ?? bytes ?? 0
  const end = offset + claimed
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(end) || end > fileBytes)
    throw refuse(`claim the bytes ${offset} to ${end} of a file of ${fileBytes}`)
  if (bytes !== undefined && claimed !== bytes) throw refuse(`are ${claimed} bytes, where its dimensions take ${bytes}`)
}
