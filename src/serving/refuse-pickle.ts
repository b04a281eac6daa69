import type { FileHandle } from 'node:fs/promises'
import { open, readdir } from 'node:fs/promises'
import { extname, join, relative } from 'node:path'
import { fail } from '../protocol/index.ts'
import { readMlmodel } from './mlmodel.ts'

const pickleNames = new Set(['.pkl', '.pickle', '.joblib', '.pt', '.pth', '.dill', '.cloudpickle'])
const pickleFormats = new Set(['pickle', 'cloudpickle', 'joblib', 'dill'])
/** A folder with more files than this is not a model that can be judged. */
const filesMax = 10_000
/** The names of a zip archive's files stand at its end. */
const tailBytes = 64 * 1024

/**
 * Throws load_failed for a folder with a file that looks like a pickle: by its name, by its first bytes, or by what
 * MLmodel says. Reading such a file runs whatever code its author put in it.
 */
export const refusePickle = async (model: string, directory: string): Promise<void> => {
  for (const [flavor, format] of (await readMlmodel(directory))?.serializations ?? [])
    if (pickleFormats.has(format)) throw refused(model, `its flavor ${flavor} is written as ${format}`)
  const entries = await readdir(directory, { withFileTypes: true, recursive: true })
  if (entries.length > filesMax) throw refused(model, `it has more than ${filesMax} files`)
  for (const entry of entries) {
    if (entry.isDirectory()) continue
    const path = join(entry.parentPath, entry.name)
    if (pickleNames.has(extname(entry.name).toLowerCase()) || (await looksLikePickle(path)))
      throw refused(model, `its file ${relative(directory, path)} is a pickle or looks like one`)
  }
}

const refused = (model: string, reason: string): Error =>
  fail('load_failed', {
    model,
    reason:
      `${reason}, which runs code when it is read and is refused by serving.python.pickle; ` +
      "save the model with skops, as ONNX, or in its library's own format",
  })

const looksLikePickle = async (path: string): Promise<boolean> => {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const head = await bytesAt(file, 0, 4)
    // The opcode PROTO and one of the protocols that write it.
    if (head[0] === 0x80 && (head[1] ?? 0) >= 2 && (head[1] ?? 0) <= 5) return true
    if (head.toString('latin1') !== 'PK\x03\x04') return false
    const tail = await bytesAt(file, Math.max(0, size - tailBytes), tailBytes)
    return /\.(?:pkl|pickle|joblib)/.test(tail.toString('latin1'))
  } finally {
    await file.close()
  }
}

const bytesAt = async (file: FileHandle, at: number, count: number): Promise<Buffer> => {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(count), 0, count, at)
  return buffer.subarray(0, bytesRead)
}
