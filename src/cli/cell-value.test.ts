import { describe, expect, it } from 'vitest'
import { cellValue, exactJson } from './cell-value.ts'

describe('a cell of a table', () => {
  it.each([
    ['FP32', '1.5', 1.5],
    ['FP32', ' -2e3 ', -2000],
    ['FP64', 'nan', Number.NaN],
    ['BF16', '-inf', Number.NEGATIVE_INFINITY],
    ['FP16', '', Number.NaN],
    ['FP32', null, Number.NaN],
    ['FP32', 'abc', undefined],
    ['FP32', undefined, undefined],
    ['INT64', '9223372036854775807', 9223372036854775807n],
    ['INT64', '-7', -7],
    ['INT32', 'nan', undefined],
    ['INT32', '', undefined],
    ['INT32', null, undefined],
    ['FP32', 'False', 0],
    ['FP64', true, 1],
    ['INT32', 'True', 1],
    ['INT64', false, 0],
    ['BOOL', 'True', true],
    ['BOOL', true, true],
    ['BOOL', '0', false],
    ['BOOL', 'yes', undefined],
    ['BYTES', '007', '007'],
    ['BYTES', '', ''],
  ])('of %s reads %j as %s', (datatype, cell, value) => {
    expect(cellValue(datatype, cell)).toEqual(value)
  })
})

it('JSON keeps what the platform would lose', () => {
  expect(exactJson([9007199254740993n, Number.NaN, Number.NEGATIVE_INFINITY, -0, '"', [true, 1.5]])).toBe(
    '[9007199254740993,NaN,-Infinity,-0.0,"\\"",[true,1.5]]',
  )
})
