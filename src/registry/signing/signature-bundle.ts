import { X509Certificate } from 'node:crypto'

/** A signature in the form of a Sigstore bundle around a DSSE envelope, as far as model signing uses them. */
export interface SignatureBundle {
  /** Who says to have signed: a key by its hint, certificates, the signer's own first, or a certificate of Sigstore. */
  readonly signer:
    | { readonly kind: 'key'; readonly hint: string | undefined }
    | { readonly kind: 'certificates'; readonly chain: readonly X509Certificate[] }
    | { readonly kind: 'keyless'; readonly bundle: unknown }
  readonly payloadType: string
  readonly payload: Uint8Array
  readonly signature: Uint8Array
}

/** A bundle that can't be read; the message says what is wrong with it. */
export class BundleError extends Error {
  constructor(reason: string) {
    super(reason)
    this.name = 'BundleError'
  }
}

/** Sigstore's names of its bundle format, up to 0.3. */
const mediaTypes = /^application\/vnd\.dev\.sigstore\.bundle(\.v0\.3\+json|\+json;version=0\.[123])$/
const chainMax = 10

type Fields = Readonly<Record<string, unknown>>

/** The fields of an object of JSON. */
export const jsonFields = (value: unknown, what: string): Fields => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw new BundleError(`${what} is no object`)
}

/** JSON that is UTF-8 throughout. */
export const readJson = (bytes: Uint8Array, what: string): unknown => {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new BundleError(`${what} is not JSON in UTF-8`)
  }
}

/** Base64 that has just one way to be written. */
const bytesOf = (value: unknown, what: string): Uint8Array => {
  if (typeof value === 'string' && value !== '') {
    const bytes = Buffer.from(value, 'base64')
    if (bytes.toString('base64') === value) return bytes
  }
  throw new BundleError(`${what} is not base64`)
}

const certificateOf = (value: unknown): X509Certificate => {
  const raw = bytesOf(jsonFields(value, 'a certificate')['rawBytes'], 'a certificate')
  try {
    return new X509Certificate(raw)
  } catch {
    throw new BundleError("a certificate can't be read")
  }
}

const signerOf = (bundle: Fields): SignatureBundle['signer'] => {
  const material = jsonFields(bundle['verificationMaterial'], 'the verification material')
  const { publicKey, x509CertificateChain: chain, certificate } = material
  if ([publicKey, chain, certificate].filter((each) => each !== undefined).length !== 1)
    throw new BundleError('the verification material names no signer, or several')
  if (certificate !== undefined) return { kind: 'keyless', bundle }
  if (publicKey !== undefined) {
    const { hint } = jsonFields(publicKey, 'the public key')
    return { kind: 'key', hint: typeof hint === 'string' && hint !== '' ? hint : undefined }
  }
  const { certificates } = jsonFields(chain, 'the certificate chain')
  if (!Array.isArray(certificates) || certificates.length === 0 || certificates.length > chainMax)
    throw new BundleError(`the certificate chain must have 1 to ${chainMax} certificates`)
  return { kind: 'certificates', chain: certificates.map(certificateOf) }
}

/** Reads a bundle. Fails with BundleError. Nothing of it is trusted yet. */
export const readBundle = (bytes: Uint8Array): SignatureBundle => {
  const bundle = jsonFields(readJson(bytes, 'the signature'), 'the signature')
  const { mediaType, dsseEnvelope } = bundle
  if (typeof mediaType !== 'string' || !mediaTypes.test(mediaType))
    throw new BundleError('the signature is not a Sigstore bundle of version 0.1 to 0.3')
  const envelope = jsonFields(dsseEnvelope, 'the DSSE envelope')
  const { payloadType, payload, signatures } = envelope
  if (!Array.isArray(signatures) || signatures.length !== 1)
    throw new BundleError('the envelope must have one signature')
  if (typeof payloadType !== 'string') throw new BundleError('the envelope has no payload type')
  return {
    signer: signerOf(bundle),
    payloadType,
    payload: bytesOf(payload, 'the payload'),
    signature: bytesOf(jsonFields(signatures[0], 'a signature')['sig'], 'the signature'),
  }
}
