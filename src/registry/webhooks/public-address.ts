import { assert } from '../../lib/index.ts'
import type { IpAddress, IpRange } from './ip-address.ts'
import { isInRange, parseIpRange } from './ip-address.ts'

const ranges = (...texts: readonly string[]): readonly IpRange[] =>
  texts.map((text) => {
    const range = parseIpRange(text)
    assert(range !== undefined, `${text} is no range of addresses`)
    return range
  })

/** What isn't the public internet, from IANA's registry of special-purpose addresses of IPv4. */
const closedV4 = ranges(
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  // A public address that every machine of one cloud finds its metadata at.
  '168.63.129.16/32',
)

/** The part of IPv6 that is given out to networks; all else is local, mapped, or not in use. */
const openV6 = ranges('2000::/3')
/** What is special within it: protocols and tunnels, which hide an address of IPv4, and documentation. */
const closedV6 = ranges('2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20')
/** Addresses of IPv4 as networks of IPv6 alone write them; they are as public as what they hold. */
const translated = ranges('64:ff9b::/96')

/** Whether an address is one of the public internet, and neither of this machine, of its networks nor of a cloud's insides. */
export const isPublicAddress = (ip: IpAddress): boolean => {
  const isIn = (list: readonly IpRange[]): boolean => list.some((range) => isInRange(ip, range))
  if (ip.family === 4) return !isIn(closedV4)
  if (isIn(translated)) return isPublicAddress({ family: 4, value: ip.value & 0xffff_ffffn })
  return isIn(openV6) && !isIn(closedV6)
}
