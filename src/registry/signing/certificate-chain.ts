import type { X509Certificate } from 'node:crypto'
import type { CertificateFacts } from './certificate-facts.ts'
import { certificateFacts } from './certificate-facts.ts'

/** Signatures of certificates that count: RSA, RSA-PSS and ECDSA with SHA-2, Ed25519. SHA-1 and MD5 don't. */
const strongAlgorithms: ReadonlySet<string> = new Set([
  '1.2.840.113549.1.1.10',
  '1.2.840.113549.1.1.11',
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
  '1.2.840.10045.4.3.2',
  '1.2.840.10045.4.3.3',
  '1.2.840.10045.4.3.4',
  '1.3.101.112',
])
const codeSigning = '1.3.6.1.5.5.7.3.3'
const anyPurpose = '2.5.29.37.0'

interface Search {
  readonly between: readonly X509Certificate[]
  readonly roots: readonly X509Certificate[]
  readonly timeMs: number
}

/** A certificate's subject on one line. */
export const subjectText = (certificate: X509Certificate): string => certificate.subject.split('\n').join(', ')

const factsOf = (certificate: X509Certificate): CertificateFacts | undefined => {
  try {
    return certificateFacts(certificate)
  } catch {
    return undefined
  }
}

const isValidAt = (certificate: X509Certificate, timeMs: number): boolean =>
  certificate.validFromDate.getTime() <= timeMs && timeMs <= certificate.validToDate.getTime()

/** Why a certificate may not sign models; undefined when it may. */
const leafProblem = (leaf: X509Certificate, timeMs: number): string | undefined => {
  const facts = factsOf(leaf)
  if (facts === undefined || facts.unknownCritical.length > 0) return 'it has extensions that are not understood'
  if (!isValidAt(leaf, timeMs))
    return `it was valid from ${leaf.validFrom} to ${leaf.validTo}, which is not when the version was registered`
  const { keyUsage, extendedKeyUsage } = facts
  if (keyUsage === undefined && extendedKeyUsage === undefined) return "it doesn't say that its key is for signing"
  if (keyUsage !== undefined && !keyUsage.digitalSignature) return 'its key is not for digital signatures'
  if (extendedKeyUsage !== undefined && ![codeSigning, anyPurpose].some((oid) => extendedKeyUsage.includes(oid)))
    return 'its key is not for code signing'
  return undefined
}

/** Whether `issuer`, with so many authorities below it, may have issued a certificate, and did. */
const issued = (issuer: X509Certificate, certificate: X509Certificate, below: number): boolean => {
  const facts = factsOf(issuer)
  const own = factsOf(certificate)
  return (
    facts !== undefined &&
    own !== undefined &&
    strongAlgorithms.has(own.signatureAlgorithm) &&
    facts.isCa &&
    facts.unknownCritical.length === 0 &&
    facts.keyUsage?.certSign !== false &&
    (facts.pathLengthMax === undefined || below <= facts.pathLengthMax) &&
    certificate.checkIssued(issuer) &&
    certificate.verify(issuer.publicKey)
  )
}

/**
 * Whether a way leads up from a certificate to a root. Each certificate is passed once, on the shortest way to it, on
 * which the fewest authorities are below it: longer ways lead nowhere else.
 */
const reachesRoot = (leaf: X509Certificate, { between, roots, timeMs }: Search): boolean => {
  let reached: readonly X509Certificate[] = [leaf]
  let left = between.filter((each) => isValidAt(each, timeMs))
  const anchors = roots.filter((each) => isValidAt(each, timeMs))
  for (let below = 0; reached.length > 0; below++) {
    const isVouchedFor = reached.some((certificate) =>
      anchors.some((root) => root.raw.equals(certificate.raw) || issued(root, certificate, below)),
    )
    if (isVouchedFor) return true
    const next = left.filter((each) => reached.some((certificate) => issued(each, certificate, below)))
    left = left.filter((each) => !next.includes(each))
    reached = next
  }
  return false
}

/**
 * Why a chain, leaf first, isn't trusted at a time (Unix ms); undefined when the leaf may sign models and one of the
 * roots vouches for it. A root may be any certificate that the operator names, the leaf's own included.
 */
export const chainProblem = (
  chain: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  timeMs: number,
): string | undefined => {
  const [leaf, ...between] = chain
  if (leaf === undefined) return 'there is no certificate'
  const problem = leafProblem(leaf, timeMs)
  if (problem !== undefined) return `the certificate of ${subjectText(leaf)} is refused: ${problem}`
  return reachesRoot(leaf, { between, roots, timeMs })
    ? undefined
    : `no trusted root vouches for the certificate of ${subjectText(leaf)}`
}
