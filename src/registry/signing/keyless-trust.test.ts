import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { openKeylessTrust } from './keyless-trust.ts'
import { readBundle } from './signature-bundle.ts'
import { openSigningTrust } from './signing-trust.ts'
import { verifySignature } from './verify-signature.ts'

type Json = Readonly<Record<string, unknown>>

const read = (name: string): Json =>
  JSON.parse(readFileSync(new URL(`golden/${name}`, import.meta.url), 'utf8')) as Json

// The model of model-signing.json, signed through Sigstore's own mock of its services; roots that lack one of them each.
const golden = read('keyless.json') as {
  readonly root: Json
  readonly roots: Readonly<Record<'otherAuthority' | 'otherLog' | 'otherCertificateLog', Json>>
  readonly bundle: Json
}
const files = Object.entries(read('model-signing.json')['files'] as Readonly<Record<string, string>>).map(
  ([path, hex]) => {
    const content = Buffer.from(hex, 'hex')
    return { path, digest: createHash('sha256').update(content).digest('hex'), bytes: content.length }
  },
)
const ada = 'ada@example.test https://accounts.example.test'

const open = (identities: readonly string[], root: unknown = golden.root) =>
  openKeylessTrust({ root: { name: 'trusted_root.json', text: JSON.stringify(root) }, identities })

const check = async (
  bundle: unknown,
  identities: readonly string[] = [ada],
  root: unknown = golden.root,
  of = files,
) => {
  const trust = openSigningTrust({ mode: 'enforce', keys: [], roots: [], keyless: await open(identities, root) })
  const found = verifySignature(readBundle(Buffer.from(JSON.stringify(bundle))), of, trust, Date.UTC(2024, 0, 1))
  return found.state === 'verified' ? found.signer : found.reason
}

/** The bundle with one part replaced, found by its path. */
const changed = (path: readonly (string | number)[], change: (before: never) => unknown): Json => {
  const bundle = structuredClone(golden.bundle)
  let at = bundle as Record<string | number, never>
  for (const step of path.slice(0, -1)) at = at[step] as unknown as typeof at
  const last = path.at(-1) ?? ''
  at[last] = change(at[last] as never) as never
  return bundle
}

const flipped = (base64: string): string => {
  const bytes = Buffer.from(base64, 'base64')
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
  return bytes.toString('base64')
}

describe('signatures without a key', () => {
  it('are those of somebody trusted', async () => {
    expect(await check(golden.bundle)).toBe('ada@example.test')
    expect(await check(golden.bundle, ['bob@example.test https://accounts.example.test', ada])).toBe('ada@example.test')
  })

  it.each([
    ['somebody else', 'bob@example.test https://accounts.example.test'],
    ['the same name elsewhere', 'ada@example.test https://other.example.test'],
    ['a name that begins the same', 'ada@example.test.org https://accounts.example.test'],
    ['a pattern', '.* https://accounts.example.test'],
  ])('are not those of %s', async (_, identity) => {
    expect(await check(golden.bundle, [identity])).toContain("'ada@example.test' of https://accounts.example.test")
  })

  it.each([
    ['otherAuthority', 'certificate chain'],
    ['otherLog', 'inclusion promise'],
    ['otherCertificateLog', 'SCT'],
  ] as const)('need every service that the root names: %s', async (name, reason) => {
    expect(await check(golden.bundle, [ada], golden.roots[name])).toContain(reason)
  })

  const material = 'verificationMaterial'
  it.each([
    ['what was signed', ['dsseEnvelope', 'payload'], (text: string) => flipped(text)],
    ['the signature', ['dsseEnvelope', 'signatures', 0, 'sig'], (text: string) => flipped(text)],
    ['the type', ['dsseEnvelope', 'payloadType'], () => 'application/json'],
    ['the certificate', [material, 'certificate', 'rawBytes'], (text: string) => flipped(text)],
    ['the log’s entries', [material, 'tlogEntries'], () => []],
    ['an entry twice', [material, 'tlogEntries'], (entries: readonly unknown[]) => [...entries, ...entries]],
    [
      'the time of the log',
      [material, 'tlogEntries', 0, 'integratedTime'],
      (time: string) => String(Number(time) + 60),
    ],
    ['the log’s body', [material, 'tlogEntries', 0, 'canonicalizedBody'], (text: string) => flipped(text)],
    ['the log’s promise', [material, 'tlogEntries', 0, 'inclusionPromise'], () => undefined],
    ['an entry that is none', [material, 'tlogEntries', 0], () => 7],
  ] as const)('do not survive a change of %s', async (_, path, change) => {
    const reason = await check(changed(path, change as (before: never) => unknown))
    expect(reason).not.toBe('ada@example.test')
    expect(reason).toMatch(/^the keyless signature is no good|^'/)
  })

  it('are of the files that were signed', async () => {
    const others = files.map((file, index) => (index === 0 ? { ...file, digest: '0'.repeat(64) } : file))
    expect(await check(golden.bundle, [ada], golden.root, others)).toContain('files differ')
  })

  it('count only where a root is trusted', () => {
    const trust = openSigningTrust({ mode: 'warn', keys: [], roots: [], keyless: { signerOf: () => 'nobody' } })
    const bundle = readBundle(Buffer.from(JSON.stringify(golden.bundle)))
    expect(verifySignature(bundle, files, { ...trust, keyless: undefined }, 0)).toMatchObject({
      state: 'failed',
      reason: expect.stringContaining('registry.signingTrustedRoot') as string,
    })
  })

  it('are refused with words that help when the options are wrong', async () => {
    await expect(open([])).rejects.toThrow('registry.signingIdentities must name 1 to 100')
    await expect(open(['ada@example.test'])).rejects.toThrow("as in 'ada@example.com https://accounts.google.com'")
    for (const root of [{}, [], 'text', { tlogs: 7 }, { ...golden.root, tlogs: [] }])
      await expect(open([ada], root)).rejects.toThrow('trusted_root.json is no trusted root of Sigstore')
  })
})
