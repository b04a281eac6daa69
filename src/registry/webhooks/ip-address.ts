import { isIP } from 'node:net'

/** An address of IPv4 (32 bits) or IPv6 (128 bits) as a number. */
export interface IpAddress {
  readonly family: 4 | 6
  readonly value: bigint
}

/** Addresses that begin with the same bits: 10.0.0.0/8. */
export interface IpRange extends IpAddress {
  readonly prefix: number
}

const bitsOf = { 4: 32, 6: 128 } as const

const readV4 = (text: string): bigint => text.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n)

const readV6 = (text: string): bigint => {
  const groupsOf = (part: string): bigint[] =>
    part === ''
      ? []
      : part.split(':').flatMap((group) => {
          if (!group.includes('.')) return [BigInt(`0x${group}`)]
          const v4 = readV4(group)
          return [v4 >> 16n, v4 & 0xffffn]
        })
  const [head = '', tail] = text.split('::')
  const first = groupsOf(head)
  const last = tail === undefined ? [] : groupsOf(tail)
  const gap = Array.from({ length: 8 - first.length - last.length }, () => 0n)
  return [...first, ...gap, ...last].reduce((sum, group) => (sum << 16n) | group, 0n)
}

/** Reads an address in its plain form; undefined for anything else, also for one with a zone. */
export const parseIp = (text: string): IpAddress | undefined => {
  if (text.includes('%')) return undefined
  const family = isIP(text)
  if (family === 4) return { family, value: readV4(text) }
  return family === 6 ? { family, value: readV6(text) } : undefined
}

/** Reads `10.0.0.0/8` or one address; undefined for anything else. */
export const parseIpRange = (text: string): IpRange | undefined => {
  const [address = '', bits, more] = text.split('/')
  const ip = parseIp(address)
  if (ip === undefined || more !== undefined) return undefined
  if (bits === undefined) return { ...ip, prefix: bitsOf[ip.family] }
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > bitsOf[ip.family]) return undefined
  return { ...ip, prefix: Number(bits) }
}

export const isInRange = (ip: IpAddress, range: IpRange): boolean => {
  if (ip.family !== range.family) return false
  const rest = BigInt(bitsOf[range.family] - range.prefix)
  return ip.value >> rest === range.value >> rest
}
