import { describe, expect, it } from 'vitest'
import { UsageError } from '../command.ts'
import { readConvertArgs, readInputs } from './convert-args.ts'

const read = (given: Readonly<Record<string, string>>): ReturnType<typeof readConvertArgs> =>
  readConvertArgs({ text: (name) => given[name] })

describe('the arguments of slipway convert', () => {
  it('have defaults', () => {
    expect(read({})).toMatchObject({
      output: '.',
      tolerance: 1e-4,
      rows: 1000,
      seed: 7,
      agreement: 0.99,
      opset: undefined,
      quantize: undefined,
      memoryBytes: 8 * 1024 ** 3,
      timeoutMs: 900_000,
    })
  })

  it('are read with their units', () => {
    const given = {
      memory: '2GiB',
      timeout: '90s',
      opset: '17',
      tolerance: '1e-6',
      quantize: 'int8',
      agreement: '0.95',
    }
    expect(read(given)).toMatchObject({
      memoryBytes: 2 * 1024 ** 3,
      timeoutMs: 90_000,
      opset: 17,
      tolerance: 1e-6,
      quantize: 'int8',
      agreement: 0.95,
    })
  })

  it.each([
    [{ quantize: 'int4' }, "--quantize 'int4' is not one of int8, fp16"],
    [{ flavor: 'spark' }, "--flavor 'spark' is not one of sklearn"],
    [{ opset: '99' }, '--opset must be at most 21, not 99'],
    [{ tolerance: 'small' }, "--tolerance must be a number, not 'small'"],
    [{ memory: '1MiB' }, '--memory must be at least 268435456'],
    [{ label: 'y' }, '--label names a column of --sample, which is missing'],
    [{ agreement: '0.9' }, '--agreement goes with --quantize'],
    [{ name: '../up' }, "--name '../up' must have letters"],
    [{ name: '.hidden' }, "--name '.hidden' must have letters"],
    [{ inputs: 'x:FP31[1]' }, "--inputs 'x:FP31[1]' is not of the form NAME:TYPE"],
  ])('%j is wrong usage', (given: Readonly<Record<string, string>>, reason) => {
    expect(() => read(given)).toThrow(UsageError)
    expect(() => read(given)).toThrow(reason)
  })

  it('name the inputs of a network', () => {
    expect(readInputs('x:FP32[-1, 3,8]; mask:BOOL[-1]')).toEqual([
      { name: 'x', dtype: 'float32', shape: [-1, 3, 8] },
      { name: 'mask', dtype: 'bool', shape: [-1] },
    ])
  })
})
