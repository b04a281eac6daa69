import { describe, expect, it } from 'vitest'
import { parseLinked } from './linked-libraries.ts'

describe('what ldd says', () => {
  it('of one binary names its libraries, where they are, and those that are nowhere', () => {
    const output = `
\tlinux-vdso.so.1 (0x00007fff0a5c7000)
\tlibz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x00007f1a2b400000)
\tlibcuda.so.1 => not found
\tlibgomp.so => /opt/env/sklearn/utils/../../libs/libgomp 1.so (0x00007f1a2b400000)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f1a2b88a000)
`
    expect(parseLinked(output, '/bin/one')).toEqual([
      { name: 'libz.so.1', path: '/lib/x86_64-linux-gnu/libz.so.1', binary: '/bin/one' },
      { name: 'libcuda.so.1', path: undefined, binary: '/bin/one' },
      { name: 'libgomp.so', path: '/opt/env/libs/libgomp 1.so', binary: '/bin/one' },
      { name: 'ld-linux-x86-64.so.2', path: '/lib64/ld-linux-x86-64.so.2', binary: '/bin/one' },
    ])
  })

  it('of several tells whose each is, and passes over those without any', () => {
    const output = `/a.so:
\tliba.so.1 => not found
/static.so:
\tstatically linked
/text.so:
/b.so:
\tlibb.so.1 => /lib/libb.so.1 (0x1)
`
    expect(parseLinked(output, '/a.so')).toEqual([
      { name: 'liba.so.1', path: undefined, binary: '/a.so' },
      { name: 'libb.so.1', path: '/lib/libb.so.1', binary: '/b.so' },
    ])
  })
})
