import { join } from 'node:path'
import { readRegularFile } from '../lib/index.ts'
import type { Random } from '../lib/index.ts'
import { checkTensor, datatypeBytes, elementCount, TensorError } from '../tensor/index.ts'
import type { DataType, Signature, Tensor } from '../tensor/index.ts'
import type { ScatteredTensor } from '../host/index.ts'
import type { ModelConfig, WarmupInput, WarmupSample } from './model-config/model-config.ts'
import type { ModelInstance } from './model-instance.ts'
import type { Reshaping } from './reshaping.ts'

export interface WarmUp {
  readonly config: ModelConfig
  readonly signature: Signature
  readonly reshaping: Reshaping | undefined
  /** The model's folder; files of samples lie in its subfolder `warmup`. */
  readonly directory: string
  readonly instances: readonly ModelInstance[]
  readonly random: Random
}

/** A sample of more than this, in all its inputs, is a mistake in the configuration. */
const sampleElementsMax = 64 * 1024 * 1024
const sampleBytesMax = 8 * sampleElementsMax

/**
 * Runs the configured samples on every instance; without any, one row of zeros when all dimensions are known, so
 * that the first request of a client isn't the one that pays for lazy initialisation. A configured sample that
 * fails fails the load; the implied one may be an input the model refuses.
 */
export const warmUp = async (work: WarmUp): Promise<void> => {
  const samples = work.config.modelWarmup
  if (samples.length === 0) {
    const implied = impliedSample(work.signature)
    if (implied !== undefined) {
      const tensors = work.reshaping?.toModel(implied) ?? implied
      await Promise.all(work.instances.map((instance) => instance.run(tensors, []).catch(ignoreRefusal)))
    }
    return
  }
  for (const sample of samples) {
    const written = await sampleTensors(sample, work)
    const tensors = work.reshaping?.toModel(written) ?? written
    for (let i = 0; i < Math.max(1, sample.count); i++) {
      await Promise.all(work.instances.map((instance) => instance.run(tensors, [])))
    }
  }
}

const ignoreRefusal = (error: unknown): void => {
  if (!(error instanceof Error) || error.name !== 'HostRefusal') throw error
}

const impliedSample = (signature: Signature): ScatteredTensor[] | undefined => {
  // Why: nothing is known of what such a model takes.
  if (signature.open === true && signature.inputs.length === 0) return undefined
  const tensors: ScatteredTensor[] = []
  for (const input of signature.inputs) {
    if (input.optional === true) continue
    const shape = input.shape.map((dimension, index) => (index === 0 && dimension < 0 ? 1 : dimension))
    if (shape.some((dimension) => dimension < 0) || elementCount(shape, input.name) > sampleElementsMax)
      return undefined
    tensors.push({ name: input.name, datatype: input.datatype, shape, pieces: [zeros(input.datatype, shape)] })
  }
  return tensors
}

const sampleTensors = (sample: WarmupSample, work: WarmUp): Promise<ScatteredTensor[]> => {
  const batch = work.config.maxBatchSize > 0 ? [Math.max(1, sample.batchSize)] : []
  let elements = 0
  const inputs = Object.entries(sample.inputs).map(([name, input]) => {
    const shape = [...batch, ...input.dims]
    // Rows that hold nothing take a place each as well.
    elements += Math.max(batch[0] ?? 1, elementCount(shape, name))
    if (elements > sampleElementsMax)
      throw new Error(`warm-up sample '${sample.name}' is too large: it has more than ${sampleElementsMax} elements`)
    return { name, input, shape }
  })
  return Promise.all(
    inputs.map(async ({ name, input, shape }) => {
      const pieces =
        input.source.kind === 'file'
          ? await rowsOfFile(input.source.file, { name, input, rows: batch[0] ?? 1, directory: work.directory })
          : [madeUp(input, shape, work.random)]
      return { name, datatype: input.dataType, shape, pieces }
    }),
  )
}

/**
 * A file has all rows of the sample, or, by Triton's rule, one that every row of the sample is; of a longer one of a type
 * of fixed size, the rest is left.
 */
const rowsOfFile = async (
  file: string,
  sample: { readonly name: string; readonly input: WarmupInput; readonly rows: number; readonly directory: string },
): Promise<Uint8Array[]> => {
  const { name, input, rows, directory } = sample
  const { dataType: datatype, dims: shape } = input
  const content = await readRegularFile(join(directory, 'warmup', file), sampleBytesMax)
  if (isTensor({ name, datatype, shape: [rows, ...shape], data: content })) return [content]
  const data = datatype === 'BYTES' ? content : content.subarray(0, elementCount(shape, name) * datatypeBytes[datatype])
  checkTensor({ name, datatype, shape, data })
  if (data.length * rows > sampleBytesMax) throw new Error(`warm-up sample '${name}' is too large`)
  return Array.from({ length: rows }, () => data)
}

const isTensor = (tensor: Tensor): boolean => {
  try {
    checkTensor(tensor)
    return true
  } catch (error) {
    if (error instanceof TensorError) return false
    throw error
  }
}

const madeUp = (input: WarmupInput, shape: readonly number[], random: Random): Uint8Array => {
  const data = zeros(input.dataType, shape)
  if (input.source.kind !== 'random' || input.dataType === 'BYTES') return data
  const first = Math.min(data.length, randomBytes)
  for (let i = 0; i < first; i++) data[i] = randomByte(input.dataType, random)
  for (let filled = first; filled < data.length; filled *= 2) data.copyWithin(filled, 0, filled)
  return data
}

/** Of so many bytes each is drawn; larger samples repeat them, since this is the thread that serves everybody. */
const randomBytes = 64 * 1024

/** Bytes below 0x3f keep every type finite and of moderate size; a BOOL is 0 or 1. */
const randomByte = (datatype: DataType, random: Random): number =>
  Math.floor(random.next() * (datatype === 'BOOL' ? 2 : 0x3f))

const zeros = (datatype: DataType, shape: readonly number[]): Uint8Array => {
  const count = shape.reduce((product, dimension) => product * dimension, 1)
  // A text without bytes is its length alone.
  return new Uint8Array(count * (datatype === 'BYTES' ? 4 : datatypeBytes[datatype]))
}
