import type { DataType } from '../../../tensor/index.ts'

/** ONNX Runtime's names of the data types that requests can carry. It has no bfloat16 at its JavaScript edge. */
export const ortDatatypes: Readonly<Record<string, DataType>> = {
  bool: 'BOOL',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  float16: 'FP16',
  float32: 'FP32',
  float64: 'FP64',
  string: 'BYTES',
}

export const ortTypeOf = (datatype: DataType): string | undefined =>
  Object.keys(ortDatatypes).find((name) => ortDatatypes[name] === datatype)
