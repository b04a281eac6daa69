import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConnectionError } from './connection-error.ts'
import { HpackDecoder } from './hpack-decoder.ts'
import { encodeHeaders } from './hpack-encoder.ts'

const listBytesMax = 16_384

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')

const lines = (decoder: HpackDecoder, block: Buffer): string[] | undefined =>
  decoder.decode(block)?.map(({ name, value }) => `${name}: ${value}`)

const failureOf = (block: Buffer): number | undefined => {
  const decoder = new HpackDecoder(listBytesMax)
  try {
    decoder.decode(block)
  } catch (error) {
    return error instanceof ConnectionError ? error.code : Number.NaN
  }
  return undefined
}

const compressionError = 9

const firstRequest = [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com']
const requests = [
  firstRequest,
  [...firstRequest, 'cache-control: no-cache'],
  [':method: GET', ':scheme: https', ':path: /index.html', ':authority: www.example.com', 'custom-key: custom-value'],
]
const responses = [
  [
    ':status: 302',
    'cache-control: private',
    'date: Mon, 21 Oct 2013 20:13:21 GMT',
    'location: https://www.example.com',
  ],
  [
    ':status: 307',
    'cache-control: private',
    'date: Mon, 21 Oct 2013 20:13:21 GMT',
    'location: https://www.example.com',
  ],
  [
    ':status: 200',
    'cache-control: private',
    'date: Mon, 21 Oct 2013 20:13:22 GMT',
    'location: https://www.example.com',
    'content-encoding: gzip',
    'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
  ],
]
/** The examples of responses have a table of 256 bytes, which a change of the size brings about here. */
const small = '3fe101'

/** Appendix C of RFC 7541. */
const examples: readonly [string, readonly string[], readonly (readonly string[])[]][] = [
  ['C.2.1', ['400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572'], [['custom-key: custom-header']]],
  ['C.2.2', ['040c 2f73 616d 706c 652f 7061 7468'], [[':path: /sample/path']]],
  ['C.2.3', ['1008 7061 7373 776f 7264 0673 6563 7265 74'], [['password: secret']]],
  ['C.2.4', ['82'], [[':method: GET']]],
  [
    'C.3',
    [
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ],
    requests,
  ],
  [
    'C.4',
    [
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ],
    requests,
  ],
  [
    'C.5',
    [
      `${small} 4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120
       474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
      '4803 3330 37c1 c0bf',
      `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f
       6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b
       2076 6572 7369 6f6e 3d31`,
    ],
    responses,
  ],
  [
    'C.6',
    [
      `${small} 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718
       63c7 8f0b 97c8 e9ae 82ae 43d3`,
      '4883 640e ffc1 c0bf',
      `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335
       dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
    ],
    responses,
  ],
]

describe('the reader of header blocks', () => {
  it.each(examples)('reads the example %s of the standard', (_, blocks, lists) => {
    const decoder = new HpackDecoder(listBytesMax)
    expect(blocks.map((block) => lines(decoder, hex(block)))).toEqual(lists)
  })

  it('reads what the writer writes', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,300}$/)
    const value = fc.stringMatching(/^[\x20-\x7e]{0,500}$/)
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 8 }), (fields) => {
        const decoder = new HpackDecoder(listBytesMax)
        expect(lines(decoder, encodeHeaders(fields))).toEqual(fields.map(([key, text]) => `${key}: ${text}`))
      }),
    )
  })

  it.each([
    ['an index of 0', '80'],
    ['an index that no table has', 'be'],
    ['an integer of six bytes', 'ffffffffffffff7f'],
    ['a change of the table size after a field', '8220'],
    ['a table larger than allowed', '3fe21f'],
    ['a literal without a value', '40016101'],
    ['a literal that ends in its name', '400a6162'],
    ['a Huffman code of EOS', '400185ffffffffff'],
    ['Huffman padding with zeros', '400161 8218'],
    ['Huffman padding of eight ones', '400161 821fff'],
  ])('refuses %s', (_, block) => {
    expect(failureOf(hex(block))).toBe(compressionError)
  })

  it('throws nothing but its own error, whatever it is given', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (first, second) => {
        const decoder = new HpackDecoder(listBytesMax)
        for (const block of [first, second, first]) {
          try {
            decoder.decode(Buffer.from(block))
          } catch (error) {
            expect(error).toBeInstanceOf(ConnectionError)
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  it('counts what a list holds, not what it takes to send it, and stays in step after one that is too large', () => {
    const decoder = new HpackDecoder(listBytesMax)
    const first = Buffer.concat([hex('4003 782d61 7f a11d'), Buffer.alloc(3872, 'a')])
    expect(decoder.decode(first)).toHaveLength(1)
    expect(decoder.decode(Buffer.alloc(4, 0xbe))).toHaveLength(4)
    const list = Buffer.concat([hex('4003 782d62 01 62'), Buffer.alloc(5, 0xbf)])
    expect(decoder.decode(list)).toBeUndefined()
    expect(lines(decoder, hex('be'))).toEqual(['x-b: b'])
  })

  it('empties its table for a field that is larger', () => {
    const decoder = new HpackDecoder(listBytesMax)
    decoder.decode(hex('4001610162'))
    decoder.decode(Buffer.concat([hex('400161 7f e120'), Buffer.alloc(4320, 'a')]))
    expect(() => decoder.decode(hex('be'))).toThrow(ConnectionError)
  })
})
