import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readBundle } from './signature-bundle.ts'
import { openSigningTrust } from './signing-trust.ts'
import type { SigningTrust } from './signing-trust.ts'
import type { ModelFile, SignatureFinding } from './verify-signature.ts'
import { signedText, verifySignature } from './verify-signature.ts'

interface Golden {
  readonly files: Readonly<Record<string, string>>
  readonly keys: { readonly p256: string; readonly p384: string }
  readonly root: string
  readonly signatures: Readonly<
    Record<'p256' | 'p384' | 'shards' | 'leaf' | 'tls' | 'expired' | 'below-leaf', BundleJson>
  >
}

interface BundleJson {
  readonly mediaType: string
  readonly verificationMaterial: Readonly<Record<string, unknown>>
  readonly dsseEnvelope: {
    readonly payload: string
    readonly payloadType: string
    readonly signatures: readonly { readonly sig: string }[]
  }
}

// A small model signed with the reference implementation, model-signing 1.1.1; the certificates are of 2023, most for 60 years.
const golden = JSON.parse(readFileSync(new URL('golden/model-signing.json', import.meta.url), 'utf8')) as Golden

const file = (path: string, content: Uint8Array): ModelFile => ({
  path,
  digest: createHash('sha256').update(content).digest('hex'),
  bytes: content.length,
})
const files = Object.entries(golden.files).map(([path, hex]) => file(path, Buffer.from(hex, 'hex')))
const in2024 = Date.UTC(2024, 0, 1)
const { p256, p384 } = golden.keys
const trust = openSigningTrust({
  mode: 'enforce',
  keys: [
    { name: 'release.pub', pem: p256 },
    { name: 'other.pub', pem: p384 },
  ],
  roots: [{ name: 'root.pem', pem: golden.root }],
})
const keysOnly = openSigningTrust({ mode: 'warn', keys: [{ name: 'release.pub', pem: p256 }], roots: [] })

const check = (bundle: unknown, of = files, by: SigningTrust = trust, timeMs = in2024): SignatureFinding => {
  const bytes = bundle instanceof Uint8Array ? bundle : new TextEncoder().encode(JSON.stringify(bundle))
  try {
    return verifySignature(readBundle(bytes), of, by, timeMs)
  } catch (error) {
    return { state: 'failed', reason: (error as Error).message }
  }
}
const reasonOf = (finding: SignatureFinding): string => (finding.state === 'verified' ? 'verified' : finding.reason)

describe('a signature of the reference implementation', () => {
  it('is verified by its key, on P-256 and P-384, whole files or shards', () => {
    expect(check(golden.signatures.p256)).toEqual({ state: 'verified', signer: 'release.pub' })
    expect(check(golden.signatures.p384)).toEqual({ state: 'verified', signer: 'other.pub' })
    expect(check(golden.signatures.shards)).toEqual({ state: 'verified', signer: 'release.pub' })
    expect(reasonOf(check(golden.signatures.p384, files, keysOnly))).toBe('no trusted key made the signature')
  })

  it('is verified by a certificate that a root vouches for, for signing, in its time', () => {
    expect(check(golden.signatures.leaf)).toEqual({ state: 'verified', signer: 'O=Acme, CN=Signer' })
    expect(reasonOf(check(golden.signatures.leaf, files, keysOnly))).toContain('no trusted root')
    expect(reasonOf(check(golden.signatures.tls))).toContain('not for code signing')
    expect(reasonOf(check(golden.signatures.expired))).toContain('when the version was registered')
    expect(check(golden.signatures.expired, files, trust, Date.UTC(2023, 1, 1)).state).toBe('verified')
    expect(reasonOf(check(golden.signatures.leaf, files, trust, Date.UTC(2022, 1, 1)))).toContain('was valid from')
    expect(reasonOf(check(golden.signatures['below-leaf']))).toContain('no trusted root')
  })

  it('fails for files that differ, are more or are fewer, but for those that signing leaves out', () => {
    const [first, ...rest] = files
    if (first === undefined) throw new Error('the model has files')
    const changed = { ...first, digest: '0'.repeat(64) }
    expect(reasonOf(check(golden.signatures.p256, [changed, ...rest]))).toBe(
      `files differ from those signed: ${first.path}`,
    )
    expect(reasonOf(check(golden.signatures.p256, rest))).toBe(`signed files are missing: ${first.path}`)
    const more = (...paths: string[]): SignatureFinding =>
      check(golden.signatures.p256, [...files, ...paths.map((path) => file(path, Buffer.from('x')))])
    expect(reasonOf(more('evil.py', 'code/.git/x', 'code/model.sig'))).toBe(
      'files are not signed: evil.py, code/.git/x, code/model.sig',
    )
    expect(more('model.sig', '.git/config', '.gitignore').state).toBe('verified')
    expect(reasonOf(more('model.sig2', '.gitx'))).toContain('files are not signed')
  })

  it('fails once any byte of it is changed', () => {
    const bytes = new TextEncoder().encode(JSON.stringify(golden.signatures.p256))
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const damaged = Uint8Array.from(bytes)
        damaged[at] = (damaged[at] ?? 0) ^ by
        const before = JSON.stringify(readBundle(bytes))
        let after: string | undefined
        try {
          after = JSON.stringify({ ...readBundle(damaged), signer: readBundle(bytes).signer })
        } catch {
          after = undefined
        }
        // Names that are no part of the format, and the hint of the key, mean nothing.
        if (after !== before) expect(check(damaged).state).toBe('failed')
      }),
      { numRuns: 300 },
    )
  })

  it('fails when its parts are exchanged', () => {
    const { p256: one, p384: two, leaf } = golden.signatures
    expect(check({ ...one, dsseEnvelope: two.dsseEnvelope }).state).toBe('verified')
    expect(reasonOf(check({ ...one, dsseEnvelope: two.dsseEnvelope }, files, keysOnly))).toContain('was changed')
    expect(reasonOf(check({ ...one, verificationMaterial: leaf.verificationMaterial }))).toContain("certificate's key")
    const signatures = [...one.dsseEnvelope.signatures, ...two.dsseEnvelope.signatures]
    expect(reasonOf(check({ ...one, dsseEnvelope: { ...one.dsseEnvelope, signatures } }))).toContain('one signature')
    const both = { ...one.verificationMaterial, ...leaf.verificationMaterial }
    expect(reasonOf(check({ ...one, verificationMaterial: both }))).toContain('no signer, or several')
    expect(reasonOf(check({ ...one, verificationMaterial: { certificate: {} } }))).toContain('without a key')
    expect(reasonOf(check({ ...one, mediaType: 'application/json' }))).toContain('not a Sigstore bundle')
    expect(reasonOf(check({ ...one, verificationMaterial: { publicKey: { rawBytes: 'AA==' } } }))).toBe('verified')
  })
})

/** Signs a statement of the test's own. */
const signed = (
  key: KeyObject,
  hash: string | null,
  change: (statement: Statement) => unknown = (same) => same,
): unknown => {
  const resources = files.map(({ path, digest }) => ({ name: path, digest, algorithm: 'sha256' }))
  const statement: Statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'model', digest: { sha256: rootOf(resources) } }],
    predicateType: 'https://model_signing/signature/v1.0',
    predicate: { serialization: { method: 'files', hash_type: 'sha256', allow_symlinks: false }, resources },
  }
  const payload = Buffer.from(JSON.stringify(change(statement)))
  const payloadType = 'application/vnd.in-toto+json'
  return {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: '' }, tlogEntries: [] },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType,
      signatures: [{ sig: sign(hash, signedText(payloadType, payload), key).toString('base64') }],
    },
  }
}

interface Resource {
  readonly name: string
  readonly digest: string
  readonly algorithm: string
}

interface Statement {
  readonly _type: string
  readonly subject: readonly unknown[]
  readonly predicateType: string
  readonly predicate: {
    readonly serialization: Readonly<Record<string, unknown>>
    readonly resources: readonly Resource[]
  }
}

const rootOf = (resources: readonly Resource[]): string => {
  const hash = createHash('sha256')
  for (const { digest } of resources) hash.update(digest, 'hex')
  return hash.digest('hex')
}

describe('a signed statement', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const pemOf = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString()
  const own = openSigningTrust({ mode: 'warn', keys: [{ name: 'own', pem: pemOf(publicKey) }], roots: [] })
  const changed = (change: (statement: Statement) => unknown, of = files): string =>
    reasonOf(check(signed(privateKey, null, change), of, own))
  const withResources = (edit: (resources: readonly Resource[]) => readonly Resource[]): string =>
    changed((statement) => {
      const resources = edit(statement.predicate.resources)
      const subject = [{ name: 'model', digest: { sha256: rootOf(resources) } }]
      return { ...statement, subject, predicate: { ...statement.predicate, resources } }
    })
  const withSerialization = (fields: object, of = files): string =>
    changed(
      (statement) => ({
        ...statement,
        predicate: { ...statement.predicate, serialization: { ...statement.predicate.serialization, ...fields } },
      }),
      of,
    )

  it('is verified with Ed25519 and RSA keys too', () => {
    expect(changed((same) => same)).toBe('verified')
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const byRsa = openSigningTrust({ mode: 'warn', keys: [{ name: 'rsa', pem: pemOf(rsa.publicKey) }], roots: [] })
    expect(check(signed(rsa.privateKey, 'sha256'), files, byRsa)).toEqual({ state: 'verified', signer: 'rsa' })
  })

  it('is refused when its paths could be read in another way', () => {
    const hidden = 'x'.repeat(2000)
    for (const name of [
      '../MLmodel',
      '/etc/passwd',
      'a//b',
      './a',
      'a/',
      'a/../b',
      'C:\\x',
      'a\\b',
      '%2e%2e/x',
      'a\0b',
      '',
      hidden,
    ]) {
      const resource = { name, digest: '0'.repeat(64), algorithm: 'sha256' }
      expect(
        withResources((all) => [...all, resource]),
        name,
      ).toContain('not a canonical path')
    }
    expect(withResources((all) => [...all, ...all.slice(0, 1)])).toContain('twice')
    for (const path of ['', '.', '..', '/', '*', 'a/../b'])
      expect(withSerialization({ ignore_paths: [path] }), path).toMatch(/not a canonical path|is a pattern/)
  })

  it('leaves out what it says it ignores, and nothing else', () => {
    const more = [...files, file('cache/a', Buffer.from('x'))]
    expect(withSerialization({ ignore_paths: ['cache'] }, more)).toBe('verified')
    expect(withSerialization({ ignore_paths: ['cach'] }, more)).toBe('files are not signed: cache/a')
    expect(withSerialization({ ignore_paths: ['MLmodel'] })).toBe('signed files are missing: MLmodel')
  })

  it('is refused when it is not what the specification says', () => {
    expect(changed((statement) => ({ ...statement, predicateType: 'https://model_signing/Digests/v0.1' }))).toContain(
      'version',
    )
    expect(changed((statement) => ({ ...statement, _type: 'x' }))).toContain('in-toto statement of version 1')
    expect(changed((statement) => ({ ...statement, subject: [] }))).toContain('one subject')
    expect(changed((statement) => ({ ...statement, subject: [{ digest: { sha256: '0'.repeat(64) } }] }))).toContain(
      'not that of the files',
    )
    expect(changed(() => null)).toContain('no object')
    expect(withResources(() => [])).toContain('lists no files')
    expect(withResources((all) => all.map((each) => ({ ...each, algorithm: 'md5' })))).toContain(
      'not hashed with sha256',
    )
    expect(withResources((all) => all.map((each) => ({ ...each, digest: each.digest.toUpperCase() })))).toContain(
      'lower-case hex',
    )
    expect(withSerialization({ hash_type: 'blake3' })).toContain('sha256 is supported')
    expect(withSerialization({ method: 'tree' })).toContain('neither files nor shards')
    expect(withSerialization({ method: 'shards', shard_size: 8 })).toContain('not that of a shard')
  })
})

describe('those who are trusted', () => {
  it('are refused with all that is wrong with their files', () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
    const pem = (key: KeyObject): string =>
      key.export(key.type === 'private' ? { type: 'pkcs8', format: 'pem' } : { type: 'spki', format: 'pem' }).toString()
    const open = (): SigningTrust =>
      openSigningTrust({
        mode: 'enforce',
        keys: [
          { name: 'a', pem: pem(privateKey) },
          { name: 'b', pem: pem(publicKey) },
          { name: 'c', pem: '' },
        ],
        roots: [{ name: 'd', pem: p256 }],
      })
    expect(open).toThrow(
      /a holds a private key.*b: an RSA key needs 2048 bits.*c holds no PEM public key.*d holds no PEM certificate/,
    )
    expect(() => openSigningTrust({ mode: 'warn', keys: [], roots: [] })).toThrow('neither registry.signingKeys')
  })
})
