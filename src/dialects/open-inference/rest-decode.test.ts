import { describe, expect, it } from 'vitest'
import { AppError } from '../../protocol/index.ts'
import { toTypedArray } from '../../tensor/index.ts'
import type { RestInferRequest } from './rest-request.ts'
import { decodeInferJson } from './rest-decode.ts'

const decode = (text: string, binary: Uint8Array = new Uint8Array(), depthMax = 100): RestInferRequest => {
  const json = Buffer.from(text)
  return decodeInferJson({ body: new Uint8Array(Buffer.concat([json, binary])), jsonBytes: json.length, depthMax })
}
const request = (input: Record<string, unknown>, rest: Record<string, unknown> = {}): string =>
  JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: [1], ...input }], ...rest })
const refusal = (text: string, binary?: Uint8Array): string => {
  try {
    decode(text, binary)
  } catch (error) {
    if (error instanceof AppError && error.status !== 'internal') return error.message
    throw error
  }
  return 'no refusal'
}
const int64 = (digits: string, padding = ''): unknown => {
  const text = `{"inputs":[{"name":"x","datatype":"INT64","shape":[1],"data":[${digits}]}]${padding}}`
  const [tensor] = decode(text).inputs
  return tensor === undefined ? undefined : toTypedArray(tensor)[0]
}

describe('an inference request in JSON', () => {
  it('gives id, parameters, tensors and the outputs asked for', () => {
    const outputs = [
      { name: 'a', parameters: { binary_data: false } },
      { name: 'b', parameters: { classification: 3 } },
    ]
    const got = decode(request({}, { id: 'i', parameters: { binary_data_output: true, k: 'v' }, outputs }))
    expect(got).toMatchObject({ id: 'i', binaryOutputs: true, inputs: [{ name: 'x', shape: [1] }] })
    expect([...got.parameters]).toEqual([
      ['binary_data_output', true],
      ['k', 'v'],
    ])
    expect(got.outputs).toEqual([
      { name: 'a', binary: false, classification: 0 },
      { name: 'b', binary: undefined, classification: 3 },
    ])
  })

  it('keeps every digit of 64-bit numbers, in short texts and in long ones', () => {
    const long = `,"parameters":{"p":"${'x'.repeat(70_000)}"}`
    for (const padding of ['', long]) {
      expect(int64('9007199254740993', padding)).toBe(9_007_199_254_740_993n)
      expect(int64('-9223372036854775808', padding)).toBe(-(2n ** 63n))
      expect(() => int64('9223372036854775808', padding)).toThrow(AppError)
    }
  })

  it('takes NaN and infinities', () => {
    const text = '{"inputs":[{"name":"x","datatype":"FP32","shape":[3],"data":[NaN,Infinity,-Infinity]}]}'
    const [tensor] = decode(text).inputs
    expect(tensor && [...(toTypedArray(tensor) as Float32Array)]).toEqual([Number.NaN, Infinity, -Infinity])
  })

  it('takes tensor bytes from behind the JSON, in the order of the inputs', () => {
    const input = (name: string, size: number): unknown => ({
      name,
      datatype: 'UINT8',
      shape: [size],
      parameters: { binary_data_size: size },
    })
    const text = JSON.stringify({ inputs: [input('a', 2), input('none', 0), input('b', 1)] })
    const tensors = decode(text, Uint8Array.of(1, 2, 3)).inputs.map((tensor) => [tensor.name, ...tensor.data])
    expect(tensors).toEqual([['a', 1, 2], ['none'], ['b', 3]])
    expect(refusal(text, Uint8Array.of(1, 2))).toContain("input 'b' claims 1 bytes of binary data but 0 are left")
    expect(refusal(text, Uint8Array.of(1, 2, 3, 4))).toContain('1 bytes of binary data that no input claims')
  })

  it('keeps names of the client data: __proto__ is a parameter like any other', () => {
    const got = decode('{"inputs":[],"parameters":{"__proto__":"x"},"__proto__":{"inputs":5}}')
    expect([...got.parameters]).toEqual([['__proto__', 'x']])
    expect(refusal('{"__proto__":{"inputs":[]}}')).toContain("must have a list 'inputs'")
  })

  it.each<[string, Record<string, unknown>]>([
    ["each input must have a 'name'", { name: '' }],
    ["must have a 'datatype'", { datatype: 5 }],
    ["unknown datatype 'FLOAT'", { datatype: 'FLOAT' }],
    ["unknown datatype 'constructor'", { datatype: 'constructor' }],
    ["must have a 'shape'", { shape: 1 }],
    ['the dimension -1', { shape: [-1] }],
    ['the dimension 1.5', { shape: [1.5] }],
    ['too many elements', { shape: [2 ** 31, 2 ** 31, 2 ** 31] }],
    ['takes 1 values, got 2', { shape: [], data: [1, 2] }],
    ["has no 'data'", { data: undefined }],
    ["both 'data' and 'binary_data_size'", { parameters: { binary_data_size: 0 } }],
    ["'binary_data_size' of input 'x' must be a whole number", { parameters: { binary_data_size: -1 } }],
    ['shared memory is not supported', { parameters: { shared_memory_region: 'r' } }],
  ])('is refused: %s', (reason, input) => {
    expect(refusal(request(input))).toContain(reason)
  })

  it('refuses a shape that its binary data do not fill, whatever it claims', () => {
    const text = request({ data: undefined, shape: [1e9, 1e6], parameters: { binary_data_size: 4 } })
    expect(refusal(text, new Uint8Array(4))).toContain('takes 4000000000000000 bytes, got 4')
    const strings = request({ data: undefined, datatype: 'BYTES', parameters: { binary_data_size: 5 } })
    expect(refusal(strings, Uint8Array.of(255, 255, 255, 255, 1))).toContain('claims 4294967295 bytes, 1 are left')
    expect(refusal(strings, Uint8Array.of(0, 0, 0, 0, 1))).toContain('ends inside its length')
  })

  it.each([
    ['[]', 'must be a JSON object'],
    ['{}', "a list 'inputs'"],
    ['{"inputs":[1]}', "each entry of 'inputs' must be an object"],
    ['{"inputs":[],"outputs":{}}', "'outputs' must be a list"],
    ['{"inputs":[],"outputs":[{"name":"y"},{"name":"y"}]}', "output 'y' is requested more than once"],
    ['{"inputs":[],"outputs":[{"name":"y","parameters":{"classification":-1}}]}', 'must be a whole number'],
    ['{"inputs":[],"parameters":{"binary_data_output":"yes"}}', "'binary_data_output' must be true or false"],
    ['{"inputs":[],"parameters":{"a":{}}}', "parameter 'a' of the request must be a string, a number or a boolean"],
    ['{"inputs":[],"id":{}}', "'id' must be a string"],
    ['{"inputs":[],"inputs":[]}', 'the name "inputs" appears twice'],
    ['{"inputs":[1e400]}', 'a number too large'],
    ['{', 'failed to parse the request JSON'],
    ['', 'failed to parse the request JSON'],
  ])('refuses %j', (text, reason) => {
    expect(refusal(text)).toContain(reason)
  })

  it('refuses nesting beyond the limit, in short texts and in long ones', () => {
    for (const depth of [200, 1_000_000])
      expect(refusal(`{"inputs":${'['.repeat(depth)}`)).toMatch(/nesting deeper than 100/)
    expect(() => decode('{"inputs":[[[]]]}', new Uint8Array(), 3)).toThrow('nesting deeper than 3')
  })
})
