import { describe, expect, it } from 'vitest'
import { parseTraceparent } from './traceparent.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const parentId = '00f067aa0ba902b7'

describe('a traceparent', () => {
  it('names the trace, the parent and whether it is sampled', () => {
    expect(parseTraceparent(`00-${traceId}-${parentId}-01`)).toEqual({ traceId, parentId, sampled: true })
    expect(parseTraceparent(`00-${traceId}-${parentId}-00`)).toEqual({ traceId, parentId, sampled: false })
  })

  it('of a later version may carry more', () => {
    expect(parseTraceparent(`01-${traceId}-${parentId}-01-more`)).toEqual({ traceId, parentId, sampled: true })
  })

  it.each([
    ['', 'empty'],
    [`00-${traceId}-${parentId}`, 'short'],
    [`00-${traceId}-${parentId}-01-more`, 'longer than version 00 allows'],
    [`ff-${traceId}-${parentId}-01`, 'of a forbidden version'],
    [`00-${'0'.repeat(32)}-${parentId}-01`, 'without a trace'],
    [`00-${traceId}-${'0'.repeat(16)}-01`, 'without a parent'],
    [`00-${traceId.toUpperCase()}-${parentId}-01`, 'in capitals'],
  ])('%j is none: it is %s', (header) => {
    expect(parseTraceparent(header)).toBeUndefined()
  })
})
