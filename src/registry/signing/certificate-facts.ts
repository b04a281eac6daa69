import type { X509Certificate } from 'node:crypto'
import type { DerElement } from './der.ts'
import { derTags, oidText, readDer } from './der.ts'

/** What Node doesn't tell of a certificate (RFC 5280). */
export interface CertificateFacts {
  /** Of the signature that its issuer made, as a dotted OID. */
  readonly signatureAlgorithm: string
  /** Undefined when the certificate doesn't restrict what its key is for. */
  readonly keyUsage: { readonly digitalSignature: boolean; readonly certSign: boolean } | undefined
  /** Dotted OIDs; undefined for any purpose. */
  readonly extendedKeyUsage: readonly string[] | undefined
  readonly isCa: boolean
  /** Most authorities between it and the leaf; undefined for any number. */
  readonly pathLengthMax: number | undefined
  /** Critical extensions that this code doesn't know: they may forbid anything. */
  readonly unknownCritical: readonly string[]
}

const oids = {
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  extendedKeyUsage: '2.5.29.37',
}
/** Names and identifiers: they forbid nothing here. */
const harmless: ReadonlySet<string> = new Set([oids.subjectAltName, '2.5.29.14', '2.5.29.35', '2.5.29.32'])
const extensionsTag = 0xa3

interface Extension {
  readonly oid: string
  readonly critical: boolean
  readonly value: Uint8Array
}

const child = (elements: readonly DerElement[], index: number, tag: number): Uint8Array => {
  const element = elements[index]
  if (element?.tag !== tag) throw new RangeError('the certificate is damaged')
  return element.content
}

const extensionOf = ({ content }: DerElement): Extension => {
  const parts = readDer(content)
  const critical = parts[1]?.tag === derTags.boolean && parts[1].content[0] !== 0
  const value = parts.at(-1)
  if (value?.tag !== derTags.octetString) throw new RangeError('the certificate is damaged')
  return { oid: oidText(child(parts, 0, derTags.oid)), critical, value: value.content }
}

/** Reads the extensions out of a certificate's DER. Throws RangeError when they are damaged. */
export const certificateFacts = (certificate: X509Certificate): CertificateFacts => {
  const [whole] = readDer(certificate.raw)
  const parts = readDer(whole?.content ?? new Uint8Array())
  const signed = readDer(child(parts, 0, derTags.sequence))
  const list = signed.find(({ tag }) => tag === extensionsTag)
  const extensions =
    list === undefined ? [] : readDer(child(readDer(list.content), 0, derTags.sequence)).map(extensionOf)
  const valueOf = (oid: string): Uint8Array | undefined => extensions.find((each) => each.oid === oid)?.value
  const usage = valueOf(oids.keyUsage)
  const purposes = valueOf(oids.extendedKeyUsage)
  const constraints = readDer(child(readDer(valueOf(oids.basicConstraints) ?? emptySequence), 0, derTags.sequence))
  const pathLength = constraints.find(({ tag }) => tag === derTags.integer)
  // The first byte of a bit string counts its unused bits; bit 0 is the highest of the next.
  const bits = usage === undefined ? undefined : (child(readDer(usage), 0, derTags.bitString)[1] ?? 0)
  return {
    signatureAlgorithm: oidText(child(readDer(child(parts, 1, derTags.sequence)), 0, derTags.oid)),
    keyUsage: bits === undefined ? undefined : { digitalSignature: (bits & 0x80) !== 0, certSign: (bits & 0x04) !== 0 },
    extendedKeyUsage:
      purposes === undefined
        ? undefined
        : readDer(child(readDer(purposes), 0, derTags.sequence)).map(({ content }) => oidText(content)),
    isCa: constraints.some(({ tag, content }) => tag === derTags.boolean && content[0] !== 0),
    pathLengthMax: pathLength === undefined ? undefined : pathLength.content.reduce((sum, byte) => sum * 256 + byte, 0),
    unknownCritical: extensions
      .filter(({ oid, critical }) => critical && !known.has(oid) && !harmless.has(oid))
      .map(({ oid }) => oid),
  }
}

const emptySequence = Uint8Array.of(derTags.sequence, 0)
const known: ReadonlySet<string> = new Set([oids.keyUsage, oids.basicConstraints, oids.extendedKeyUsage])
