import { createHash, createPublicKey, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { KeylessTrust } from './keyless-trust.ts'

export type SigningMode = 'off' | 'warn' | 'enforce'

export interface TrustedKey {
  /** What the operator calls it: the file it came in. */
  readonly name: string
  readonly key: KeyObject
  /** How model-signing's bundles point at a key: SHA-256, in hex, of its PEM. */
  readonly hint: string
}

/** Whose signatures count, and what becomes of models without one. */
export interface SigningTrust {
  readonly mode: SigningMode
  readonly keys: readonly TrustedKey[]
  readonly roots: readonly X509Certificate[]
  /** Without it, nobody is trusted who signed by Sigstore without a key. */
  readonly keyless?: KeylessTrust | undefined
}

/** A PEM file's name and text. */
export interface PemFile {
  readonly name: string
  readonly pem: string
}

/** Nothing is asked for, and nobody trusted. */
export const noSigning: SigningTrust = { mode: 'off', keys: [], roots: [] }

const curves: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1'])
const rsaBitsMin = 2048
const trustedMax = 100

/** Why a key can't be trusted whoever has it; undefined when it can. */
export const keyProblem = (key: KeyObject): string | undefined => {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  if (type === 'ed25519') return undefined
  if (type === 'ec')
    return curves.has(details?.namedCurve ?? '')
      ? undefined
      : `the curve ${details?.namedCurve ?? '?'} is not supported`
  if (type !== 'rsa') return `keys of type ${String(type)} are not supported`
  return (details?.modulusLength ?? 0) >= rsaBitsMin ? undefined : `an RSA key needs ${rsaBitsMin} bits`
}

const blocksOf = (pem: string, label: string): string[] =>
  pem.match(new RegExp(`-----BEGIN ${label}-----[^-]*-----END ${label}-----`, 'g')) ?? []

const keysOf = ({ name, pem }: PemFile, problems: string[]): TrustedKey[] => {
  if (pem.includes('PRIVATE KEY-----')) {
    problems.push(`${name} holds a private key; give the public one`)
    return []
  }
  const blocks = blocksOf(pem, 'PUBLIC KEY')
  if (blocks.length === 0) problems.push(`${name} holds no PEM public key`)
  return blocks.flatMap((block) => {
    try {
      const key = createPublicKey(block)
      const problem = keyProblem(key)
      if (problem === undefined) return [{ name, key, hint: hintOf(key) }]
      problems.push(`${name}: ${problem}`)
    } catch {
      problems.push(`${name} holds a public key that can't be read`)
    }
    return []
  })
}

const hintOf = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'pem' }))
    .digest('hex')

const rootsOf = ({ name, pem }: PemFile, problems: string[]): X509Certificate[] => {
  const blocks = blocksOf(pem, 'CERTIFICATE')
  if (blocks.length === 0) problems.push(`${name} holds no PEM certificate`)
  return blocks.flatMap((block) => {
    try {
      return [new X509Certificate(block)]
    } catch {
      problems.push(`${name} holds a certificate that can't be read`)
      return []
    }
  })
}

/** Reads whom to trust out of PEM files. Throws an Error that names all that is wrong with them. */
export const openSigningTrust = (given: {
  readonly mode: SigningMode
  readonly keys: readonly PemFile[]
  readonly roots: readonly PemFile[]
  readonly keyless?: KeylessTrust | undefined
}): SigningTrust => {
  const problems: string[] = []
  const keys = given.keys.flatMap((file) => keysOf(file, problems))
  const roots = given.roots.flatMap((file) => rootsOf(file, problems))
  if (keys.length + roots.length > trustedMax) problems.push(`more than ${trustedMax} keys and roots are given`)
  const trustsNobody = keys.length + roots.length === 0 && given.keyless === undefined
  if (given.mode !== 'off' && trustsNobody && problems.length === 0)
    problems.push(
      `registry.signing is ${given.mode}, but neither registry.signingKeys nor registry.signingRoots nor registry.signingTrustedRoot name whom to trust`,
    )
  if (problems.length > 0) throw new Error(problems.join('; '))
  return { mode: given.mode, keys, roots, keyless: given.keyless }
}
