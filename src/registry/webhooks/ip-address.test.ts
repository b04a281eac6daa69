import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isInRange, parseIp, parseIpRange } from './ip-address.ts'

describe('an address', () => {
  it('is read in every plain form', () => {
    expect(parseIp('1.2.3.4')).toEqual({ family: 4, value: 0x01020304n })
    expect(parseIp('::')).toEqual({ family: 6, value: 0n })
    expect(parseIp('1::')?.value).toBe(1n << 112n)
    expect(parseIp('::ffff:1.2.3.4')?.value).toBe(0xffff01020304n)
    expect(parseIp('2001:db8:0:0:1:0:0:1')).toEqual(parseIp('2001:db8::1:0:0:1'))
    for (const text of ['', '1.2.3', '1.2.3.4.5', '01.2.3.4', '0x1', 'fe80::1%lo', 'a', '1:2', '::1::'])
      expect(parseIp(text), text).toBeUndefined()
  })

  it('is the number that its groups make, whatever they are', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 }), (groups) => {
        const text = groups.map((group) => group.toString(16)).join(':')
        const value = groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n)
        expect(parseIp(text)).toEqual({ family: 6, value })
        // The form that a URL gives it.
        expect(parseIp(new URL(`http://[${text}]/`).hostname.slice(1, -1))).toEqual({ family: 6, value })
      }),
    )
  })

  it('is in a range that begins with the same bits', () => {
    const isIn = (ip: string, range: string): boolean => {
      const [address, within] = [parseIp(ip), parseIpRange(range)]
      if (address === undefined || within === undefined) throw new Error(`${ip} or ${range}`)
      return isInRange(address, within)
    }
    expect(isIn('10.255.255.255', '10.0.0.0/8')).toBe(true)
    expect(isIn('11.0.0.0', '10.0.0.0/8')).toBe(false)
    expect(isIn('1.2.3.4', '0.0.0.0/0')).toBe(true)
    expect(isIn('1.2.3.4', '1.2.3.4')).toBe(true)
    expect(isIn('1.2.3.5', '1.2.3.4/32')).toBe(false)
    expect(isIn('::1', '0.0.0.0/0')).toBe(false)
    expect(isIn('fdff::1', 'fc00::/7')).toBe(true)
  })
})
