/** Open Inference Protocol data types, with Triton's BF16. */
export const datatypes = [
  'BOOL',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP16',
  'BF16',
  'FP32',
  'FP64',
  'BYTES',
] as const

export type DataType = (typeof datatypes)[number]

/** Bytes of one element; 0 for BYTES, whose elements have a length of their own. */
export const datatypeBytes: Readonly<Record<DataType, number>> = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  BF16: 2,
  FP32: 4,
  FP64: 8,
  BYTES: 0,
}

export const isDataType = (name: string): name is DataType => Object.hasOwn(datatypeBytes, name)
