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
  signingTrustedRoot: {
    type: 'string',
    default: '',
    doc: "File `trusted_root.json` of a Sigstore (of the public one or your own), whose authorities and logs vouch for those of `registry.signingIdentities` who sign without a key. It is read at the start and never fetched: replace it when that Sigstore's keys change.",
  },
  signingIdentities: {
    type: 'list',
    default: [],
    doc: 'Who may sign models by that Sigstore: each an identity, a space and the URL of its provider, as in `ada@example.com https://accounts.google.com`.',
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
  'webhooks.allow': {
    type: 'list',
    default: [],
    doc: 'Receivers of webhooks that need not be public: hosts, addresses and ranges as 10.0.0.0/8. To them http is good enough and every port allowed; all others must be reached by https at public addresses.',
  },
  'webhooks.key': {
    type: 'string',
    default: '',
    secret: true,
    doc: 'The key that encrypts the secrets of webhooks in the database: 32 random bytes as 64 hex digits or base64. Servers that share a database need the same.',
  },
  'webhooks.keyFile': {
    type: 'string',
    default: '',
    doc: 'File with that key; empty for `webhooks.key` in the data folder, which is made when it is first needed.',
  },
} as const
