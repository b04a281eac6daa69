import { constants, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { chainProblem, subjectText } from './certificate-chain.ts'
import type { SignatureBundle } from './signature-bundle.ts'
import { BundleError } from './signature-bundle.ts'
import type { SignedStatement } from './signed-statement.ts'
import { readStatement } from './signed-statement.ts'
import type { SigningTrust } from './signing-trust.ts'
import { keyProblem } from './signing-trust.ts'

/** The signature's own file, in the model's folder. */
export const signatureFile = 'model.sig'

/** A file of the model, by its path below the folder. */
export interface ModelFile {
  readonly path: string
  readonly digest: string
  readonly bytes: number
}

/** What the check of a signature found. */
export type SignatureFinding =
  | { readonly state: 'unsigned'; readonly reason: string }
  /** `signer`: the trusted key's name, or the certificate's subject. */
  | { readonly state: 'verified'; readonly signer: string }
  | { readonly state: 'failed'; readonly reason: string }

/** The text that is signed: the pre-authentication encoding of DSSE 1. */
export const signedText = (payloadType: string, payload: Uint8Array): Uint8Array =>
  Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `), payload])

/** ECDSA takes the hash as wide as its curve. */
const hashOfCurve: Readonly<Record<string, string>> = { prime256v1: 'sha256', secp384r1: 'sha384', secp521r1: 'sha512' }

const isSignedBy = (key: KeyObject, text: Uint8Array, signature: Uint8Array): boolean => {
  if (keyProblem(key) !== undefined) return false
  if (key.asymmetricKeyType === 'ed25519') return verify(null, text, key, signature)
  if (key.asymmetricKeyType === 'ec')
    return verify(hashOfCurve[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? 'sha256', text, key, signature)
  return (
    verify('sha256', text, key, signature) ||
    verify('sha256', text, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }, signature)
  )
}

/** Who signed a bundle: the name of somebody trusted. Fails with BundleError when nobody trusted did. */
const signerOf = (bundle: SignatureBundle, trust: SigningTrust, timeMs: number): string => {
  const { signer, payloadType, payload, signature } = bundle
  const text = signedText(payloadType, payload)
  if (signer.kind === 'keyless') {
    if (trust.keyless === undefined)
      throw new BundleError(
        'it is signed without a key, by Sigstore, and registry.signingTrustedRoot trusts nobody there',
      )
    return trust.keyless.signerOf(signer.bundle)
  }
  if (signer.kind === 'certificates') {
    const problem = chainProblem(signer.chain, trust.roots, timeMs)
    if (problem !== undefined) throw new BundleError(problem)
    const [leaf] = signer.chain
    if (leaf === undefined || !isSignedBy(leaf.publicKey, text, signature))
      throw new BundleError("the signature is not that of the certificate's key")
    return subjectText(leaf)
  }
  // The hint is nobody's word: it only tells which key to try first.
  const keys = [...trust.keys].sort((a, b) => Number(b.hint === signer.hint) - Number(a.hint === signer.hint))
  const key = keys.find((each) => isSignedBy(each.key, text, signature))
  if (key !== undefined) return key.name
  throw new BundleError(
    keys.some((each) => each.hint === signer.hint)
      ? 'the signature is not that of its key: it, or what was signed, was changed'
      : 'no trusted key made the signature',
  )
}

const isIgnored = (path: string, ignored: readonly string[]): boolean =>
  path === signatureFile || ignored.some((each) => path === each || path.startsWith(`${each}/`))

const namedMax = 5

const listed = (what: string, paths: readonly string[]): string[] => {
  if (paths.length === 0) return []
  const more = paths.length > namedMax ? ` and ${paths.length - namedMax} more` : ''
  return [`${what}: ${paths.slice(0, namedMax).join(', ')}${more}`]
}

/** How the files differ from those that were signed. */
const fileProblems = (statement: SignedStatement, files: readonly ModelFile[]): string[] => {
  const there = files.filter(({ path }) => !isIgnored(path, statement.ignored))
  const paths = new Set(there.map(({ path }) => path))
  const changed = there.filter(({ path, digest, bytes }) => {
    const signed = statement.files.get(path)
    return signed !== undefined && (signed.digest !== digest || (signed.bytes !== undefined && signed.bytes !== bytes))
  })
  const extra = there.filter(({ path, bytes }) => !statement.files.has(path) && !(statement.omitsEmpty && bytes === 0))
  return [
    ...listed(
      'files differ from those signed',
      changed.map(({ path }) => path),
    ),
    ...listed(
      'files are not signed',
      extra.map(({ path }) => path),
    ),
    ...listed(
      'signed files are missing',
      statement.files
        .keys()
        .filter((path) => !paths.has(path))
        .toArray(),
    ),
  ]
}

/**
 * Checks a model's signature against its files, by the digests that they are kept under: no bytes are read. `timeMs`
 * (Unix ms) is when certificates must have been valid.
 */
export const verifySignature = (
  bundle: SignatureBundle,
  files: readonly ModelFile[],
  trust: SigningTrust,
  timeMs: number,
): SignatureFinding => {
  try {
    const signer = signerOf(bundle, trust, timeMs)
    const problems = fileProblems(readStatement(bundle.payloadType, bundle.payload), files)
    return problems.length === 0 ? { state: 'verified', signer } : { state: 'failed', reason: problems.join('; ') }
  } catch (error) {
    if (error instanceof BundleError) return { state: 'failed', reason: error.message }
    throw error
  }
}
