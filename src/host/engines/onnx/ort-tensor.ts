import { Tensor as OrtTensor } from 'onnxruntime-node'
import { decodeStrings, encodeStrings, tensorFromTypedArray, TensorError, toTypedArray } from '../../../tensor/index.ts'
import type { Tensor } from '../../../tensor/index.ts'
import { EngineError } from '../../engine.ts'
import { ortDatatypes, ortTypeOf } from './ort-datatype.ts'

/**
 * FP16 as the runtime's native part knows it: the bits in 16-bit integers. Where the platform has Float16Array the
 * runtime's own constructor insists on that, which the native part doesn't know.
 */
const halves = (tensor: Tensor): OrtTensor => {
  const bits = new OrtTensor('uint16', toTypedArray(tensor) as Uint16Array, tensor.shape)
  return Object.defineProperty(bits, 'type', { value: 'float16', enumerable: true })
}

/**
 * Views a tensor as ONNX Runtime's. Its strings end at NUL and can't carry bytes that aren't UTF-8, so such
 * elements are refused here instead of arriving cut short.
 */
export const toOrt = (tensor: Tensor): OrtTensor => {
  const type = ortTypeOf(tensor.datatype)
  if (type === undefined)
    throw new EngineError('input', `ONNX Runtime can't take ${tensor.datatype} ('${tensor.name}')`)
  if (tensor.datatype === 'FP16') return halves(tensor)
  const data = tensor.datatype === 'BYTES' ? ortStrings(tensor) : toTypedArray(tensor)
  // Why: the constructor is overloaded per type; type and data agree by the table above.
  return new OrtTensor(type as 'float32', data as Float32Array, tensor.shape)
}

const ortStrings = (tensor: Tensor): string[] => {
  let strings: string[]
  try {
    strings = decodeStrings(tensor)
  } catch (error) {
    if (error instanceof TensorError) throw new EngineError('input', error.message, error)
    throw error
  }
  const cut = strings.findIndex((text) => text.includes('\0'))
  if (cut >= 0) {
    throw new EngineError(
      'input',
      `tensor '${tensor.name}': element ${cut} holds a NUL byte, which ONNX Runtime's strings can't carry`,
    )
  }
  return strings
}

export const fromOrt = (name: string, value: OrtTensor): Tensor => {
  const datatype = ortDatatypes[value.type]
  if (datatype === undefined) throw new EngineError('model', `output '${name}' has the type ${value.type}`)
  if (datatype === 'BYTES') {
    return { name, datatype, shape: value.dims, data: encodeStrings(value.data as string[]) }
  }
  return tensorFromTypedArray(name, datatype, value.dims, value.data as Float32Array)
}
