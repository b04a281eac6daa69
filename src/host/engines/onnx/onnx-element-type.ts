/** TensorProto.DataType by number (onnx.proto3): name, and bits of an element in raw data; strings have no raw form. */
const elementTypes: readonly (readonly [name: string, bits: number | undefined])[] = [
  ['undefined', undefined],
  ['float', 32],
  ['uint8', 8],
  ['int8', 8],
  ['uint16', 16],
  ['int16', 16],
  ['int32', 32],
  ['int64', 64],
  ['string', undefined],
  ['bool', 8],
  ['float16', 16],
  ['double', 64],
  ['uint32', 32],
  ['uint64', 64],
  ['complex64', 64],
  ['complex128', 128],
  ['bfloat16', 16],
  ['float8e4m3fn', 8],
  ['float8e4m3fnuz', 8],
  ['float8e5m2', 8],
  ['float8e5m2fnuz', 8],
  ['uint4', 4],
  ['int4', 4],
  ['float4e2m1', 4],
  ['float8e8m0', 8],
  ['uint2', 2],
  ['int2', 2],
]

export const elementTypeName = (type: number): string => elementTypes[type]?.[0] ?? `type ${type}`

/** Bytes that elements of a type take in raw data; undefined for a type that has no raw form or isn't known. */
export const rawDataBytes = (type: number, elements: number): number | undefined => {
  const bits = elementTypes[type]?.[1]
  return bits === undefined ? undefined : Math.ceil((elements * bits) / 8)
}
