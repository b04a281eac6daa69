import { BundleError } from './signature-bundle.ts'

/** Who may sign without a key of their own: somebody that an identity provider knows. */
interface SignerIdentity {
  /** The subject in the certificate: an address of mail, or the URL of a workflow. */
  readonly identity: string
  /** URL of the identity provider. */
  readonly issuer: string
}

/** Checks keyless signatures of Sigstore. */
export interface KeylessTrust {
  /** Who signed. Fails with BundleError when it is nobody trusted, or the bundle is not good. */
  signerOf(bundle: unknown): string
}

export interface KeylessOptions {
  /** Sigstore's `trusted_root.json`: its certificate authorities and logs. Its name and its text. */
  readonly root: { readonly name: string; readonly text: string }
  /** `IDENTITY ISSUER` each. */
  readonly identities: readonly string[]
}

const identitiesMax = 100

const readIdentity = (text: string): SignerIdentity => {
  const [identity = '', issuer = '', ...more] = text.trim().split(/\s+/)
  if (more.length === 0 && URL.canParse(issuer)) return { identity, issuer }
  throw new Error(
    `registry.signingIdentities takes an identity, a space and the URL of its provider, as in 'ada@example.com https://accounts.google.com', not '${text}'`,
  )
}

/**
 * Reads whom to trust. The certificate must be of an authority in the root, logged, and valid when the signature was
 * entered into a transparency log of the root (Sigstore client specification, "Verification"). Throws an Error that says
 * what is wrong with the options.
 */
export const openKeylessTrust = async ({ root, identities }: KeylessOptions): Promise<KeylessTrust> => {
  const trusted = identities.map(readIdentity)
  if (trusted.length === 0 || trusted.length > identitiesMax)
    throw new Error(`registry.signingIdentities must name 1 to ${identitiesMax} identities beside ${root.name}`)
  // Why here: servers that trust no such signatures needn't load it.
  const [{ bundleFromJSON }, { TrustedRoot }, { toSignedEntity, toTrustMaterial, Verifier }] = await Promise.all([
    import('@sigstore/bundle'),
    import('@sigstore/protobuf-specs'),
    import('@sigstore/verify'),
  ])
  const verifierOf = (): InstanceType<typeof Verifier> => {
    try {
      const material = toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(root.text)))
      if (material.certificateAuthorities.length === 0 || material.tlogs.length === 0)
        throw new Error('it names nobody')
      return new Verifier(material, { tlogThreshold: 1, ctlogThreshold: 1, timestampThreshold: 1 })
    } catch (error) {
      throw new Error(`${root.name} is no trusted root of Sigstore: ${(error as Error).message}`, { cause: error })
    }
  }
  const verifier = verifierOf()
  return {
    signerOf(bundle) {
      const found = verified(() => verifier.verify(toSignedEntity(bundleFromJSON(bundle))).identity)
      const identity = found?.subjectAlternativeName ?? ''
      const issuer = found?.extensions?.issuer ?? ''
      if (trusted.some((each) => each.identity === identity && each.issuer === issuer)) return identity
      throw new BundleError(`'${identity}' of ${issuer} signed it, who is not among registry.signingIdentities`)
    },
  }
}

/** The library throws errors of many kinds about bundles that are no good. */
const verified = <T>(work: () => T): T => {
  try {
    return work()
  } catch (error) {
    throw new BundleError(`the keyless signature is no good: ${(error as Error).message}`)
  }
}
