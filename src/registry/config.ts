/** Options of the registry. */
export const registryOptions = {
  signing: {
    type: 'enum',
    default: 'off',
    values: ['off', 'warn', 'enforce'],
    doc: 'What becomes of models whose files carry no good signature (a file `model.sig` in the format of OpenSSF model signing): with `off` nobody looks, with `warn` what is found is kept with the version, with `enforce` such a version is not registered, and an older one gets no alias and no stage that serves.',
  },
  signingKeys: {
    type: 'list',
    default: [],
    doc: 'PEM files with public keys whose signatures of models are trusted: ECDSA (P-256, P-384, P-521), Ed25519 or RSA.',
  },
  signingRoots: {
    type: 'list',
    default: [],
    doc: 'PEM files with certificates that are trusted to vouch for those who sign models.',
  },
  'gc.everyMs': {
    type: 'duration',
    default: 0,
    min: 0,
    max: 2_000_000_000,
    doc: 'How often what was deleted long ago, and files that nothing names, are removed for good, as `slipway gc --delete` does; 0 for never.',
  },
  'gc.olderThanMs': {
    type: 'duration',
    default: 2_592_000_000,
    min: 0,
    doc: 'How long ago something must have been deleted for it to be removed by that.',
  },
} as const
