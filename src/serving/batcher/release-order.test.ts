import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ReleaseOrder } from './release-order.ts'

function admitted<T>(places: number): ReleaseOrder<T> {
  const order = new ReleaseOrder<T>()
  for (let place = 0; place < places; place++) expect(order.admit()).toBe(place)
  return order
}

describe('ReleaseOrder', () => {
  it('holds a result back until all earlier ones are given out', () => {
    const order = admitted<string | undefined>(3)
    expect(order.settle(2, 'c')).toEqual([])
    expect(order.settle(0, 'a')).toEqual(['a'])
    expect(order.held).toBe(1)
    expect(order.settle(1, undefined)).toEqual([undefined, 'c'])
    expect(order.held).toBe(0)
  })

  it('refuses a place that was never admitted or is settled already', () => {
    const order = admitted<string>(2)
    expect(() => order.settle(2, 'c')).toThrow('settled once')
    order.settle(1, 'b')
    expect(() => order.settle(1, 'b')).toThrow('settled once')
    order.settle(0, 'a')
    expect(() => order.settle(0, 'a')).toThrow('settled once')
  })

  it('gives everything out in order, whatever the order of settling', () => {
    const finishing = fc.nat(40).chain((count) => {
      const places = Array.from({ length: count }, (_, place) => place)
      return fc.shuffledSubarray(places, { minLength: count })
    })
    fc.assert(
      fc.property(finishing, (places) => {
        const order = admitted<number>(places.length)
        const given = places.flatMap((place) => order.settle(place, place))
        expect(given).toEqual(places.toSorted((a, b) => a - b))
      }),
    )
  })
})
