import { describe, expect, it } from 'vitest'
import type { ParameterValue } from '../../gateway/index.ts'
import { inferOptions } from './infer-options.ts'

const options = (parameters: Record<string, ParameterValue>): unknown =>
  inferOptions(new Map(Object.entries(parameters)))

describe('the reserved parameters', () => {
  it('ask for nothing when there are none, or only the model’s own', () => {
    const nothing = { priority: 0, queueTimeoutMs: 0, explain: false }
    expect(options({})).toEqual(nothing)
    expect(options({ beams: 4, name: 'x', flag: true })).toEqual(nothing)
    expect(options({ triton_enable_empty_final_response: true })).toEqual(nothing)
  })

  it('give priority, time in microseconds, and the wish to know why', () => {
    expect(options({ priority: 2, timeout: 1500, slipway_explain: true })).toEqual({
      priority: 2,
      queueTimeoutMs: 1.5,
      explain: true,
    })
    expect(options({ priority: '3', timeout: 250n })).toMatchObject({ priority: 3, queueTimeoutMs: 0.25 })
  })

  it.each<ParameterValue>([-1, 1.5, true, 'soon', 2n ** 64n, Number.NaN, Infinity])(
    'are refused with %s for a number',
    (value) => {
      expect(() => options({ priority: value })).toThrow("parameter 'priority' must be a whole number from 0")
      expect(() => options({ timeout: value })).toThrow("parameter 'timeout' must be a whole number from 0")
    },
  )

  it('that start with triton_ are kept for the protocol', () => {
    expect(() => options({ triton_x: 1 })).toThrow("parameter 'triton_x' is reserved")
  })
})
