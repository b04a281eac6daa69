/** A file of an archive. Owner, time and everything else that varies from machine to machine is fixed. */
export type TarEntry =
  | { readonly path: string; readonly kind: 'folder'; readonly mode?: number }
  | { readonly path: string; readonly kind: 'link'; readonly target: string }
  | {
      readonly path: string
      readonly kind: 'file'
      readonly mode?: number
      readonly bytes: number
      content(): AsyncIterable<Uint8Array>
    }

const blockBytes = 512
const typeFlags = { file: '0', link: '2', folder: '5' } as const

/** An archive in the format of POSIX.1-1988 (ustar), with a header of POSIX.1-2001 before names too long for that. */
export async function* tar(entries: Iterable<TarEntry> | AsyncIterable<TarEntry>): AsyncGenerator<Uint8Array> {
  for await (const entry of entries) {
    yield* header(entry)
    if (entry.kind !== 'file') continue
    let bytes = 0
    for await (const chunk of entry.content()) {
      bytes += chunk.length
      yield chunk
    }
    if (bytes !== entry.bytes) throw new Error(`${entry.path} changed while it was read`)
    yield padding(bytes)
  }
  yield new Uint8Array(2 * blockBytes)
}

const padding = (bytes: number): Uint8Array => new Uint8Array((blockBytes - (bytes % blockBytes)) % blockBytes)

function* header(entry: TarEntry): Generator<Uint8Array> {
  const path = entry.kind === 'folder' ? `${entry.path}/` : entry.path
  const target = entry.kind === 'link' ? entry.target : ''
  const parts = splitPath(path)
  const records = [
    ...(parts === undefined ? [record('path', path)] : []),
    ...(Buffer.byteLength(target) > 100 ? [record('linkpath', target)] : []),
  ]
  if (records.length > 0) {
    const body = Buffer.from(records.join(''))
    yield block({ name: 'PaxHeader', prefix: '', flag: 'x', size: body.length, mode: 0o644, target: '' })
    yield body
    yield padding(body.length)
  }
  const { name, prefix } = parts ?? { name: cut(path), prefix: '' }
  yield block({
    name,
    prefix,
    flag: typeFlags[entry.kind],
    size: entry.kind === 'file' ? entry.bytes : 0,
    mode: entry.kind === 'link' ? 0o777 : (entry.mode ?? (entry.kind === 'folder' ? 0o755 : 0o644)),
    target: cut(target),
  })
}

/** A path as name (at most 100 bytes) and prefix (at most 155); undefined when no slash parts it so. */
const splitPath = (path: string): { readonly name: string; readonly prefix: string } | undefined => {
  if (Buffer.byteLength(path) <= 100) return { name: path, prefix: '' }
  for (let at = path.indexOf('/'); at !== -1 && at < path.length - 1; at = path.indexOf('/', at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)]
    if (Buffer.byteLength(name) <= 100) return Buffer.byteLength(prefix) <= 155 ? { name, prefix } : undefined
  }
  return undefined
}

const cut = (path: string): string => Buffer.from(path).subarray(0, 100).toString('latin1')

/** A record of an extended header, whose length counts itself. */
const record = (key: string, value: string): string => {
  const rest = ` ${key}=${value}\n`
  let bytes = Buffer.byteLength(rest)
  while (bytes !== Buffer.byteLength(String(bytes) + rest)) bytes = Buffer.byteLength(String(bytes) + rest)
  return String(bytes) + rest
}

interface BlockFields {
  readonly name: string
  readonly prefix: string
  readonly flag: string
  readonly size: number
  readonly mode: number
  readonly target: string
}

const sizeMax = 8 ** 11 - 1

const block = ({ name, prefix, flag, size, mode, target }: BlockFields): Uint8Array => {
  if (size > sizeMax) throw new Error(`${name} is too large for an archive`)
  const bytes = Buffer.alloc(blockBytes)
  const octal = (value: number, at: number, width: number): void => {
    bytes.write(value.toString(8).padStart(width - 1, '0'), at, 'latin1')
  }
  bytes.write(name, 0)
  octal(mode, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(size, 124, 12)
  octal(0, 136, 12)
  bytes.write('        ', 148)
  bytes.write(flag, 156)
  bytes.write(target, 157)
  bytes.write('ustar\0', 257, 'latin1')
  bytes.write('00', 263)
  octal(0, 329, 8)
  octal(0, 337, 8)
  bytes.write(prefix, 345)
  const sum = bytes.reduce((total, byte) => total + byte, 0)
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return bytes
}
