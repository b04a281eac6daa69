import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { BlobStore } from '../../ports/index.ts'
import type { TestRegistry } from '../../testing/open-test-registry.ts'
import { openTestRegistry } from '../../testing/open-test-registry.ts'
import { EventLog } from '../event-log.ts'
import { openSigningTrust } from './signing-trust.ts'
import type { SigningMode } from './signing-trust.ts'
import { VersionIntegrity } from './version-integrity.ts'

const ada = { name: 'ada' }
const golden = JSON.parse(readFileSync(new URL('golden/model-signing.json', import.meta.url), 'utf8')) as {
  readonly files: Readonly<Record<string, string>>
  readonly keys: { readonly p256: string }
  readonly signatures: { readonly p256: unknown; readonly p384: unknown }
}

const open = (mode: SigningMode): Promise<TestRegistry> =>
  openTestRegistry(undefined, {
    signing: openSigningTrust({ mode, keys: [{ name: 'release.pub', pem: golden.keys.p256 }], roots: [] }),
  })

/** Uploads the signed model to a folder; gives its URI. */
const upload = async (test: TestRegistry, folder: string, signature: unknown): Promise<string> => {
  for (const [path, hex] of Object.entries(golden.files))
    await test.upload(`0/models/${folder}/${path}`, Buffer.from(hex, 'hex'))
  if (signature !== undefined) await test.upload(`0/models/${folder}/model.sig`, JSON.stringify(signature))
  return `mlflow-artifacts:/0/models/${folder}`
}

const register = ({ registry }: TestRegistry, source: string) =>
  registry.versions.create(
    { name: 'fraud', source, runId: '', runLink: '', modelId: '', description: '', tags: [] },
    ada,
  )

describe('signatures of versions', () => {
  it('are looked at when a version is registered, and told', async () => {
    await using test = await open('warn')
    const { models, signatures, audit } = test.registry
    await models.create('fraud', {}, ada)
    await register(test, await upload(test, 'a', golden.signatures.p256))
    await register(test, await upload(test, 'b', undefined))
    await register(test, await upload(test, 'c', golden.signatures.p384))
    await register(test, await upload(test, 'd', 'nonsense'))
    await register(test, 's3://elsewhere/x')
    expect(await signatures.get('fraud', '1')).toMatchObject({ state: 'verified', signer: 'release.pub' })
    expect(await signatures.get('fraud', '2')).toMatchObject({ state: 'unsigned', reason: 'it has no file model.sig' })
    expect(await signatures.get('fraud', '3')).toMatchObject({
      state: 'failed',
      reason: 'no trusted key made the signature',
    })
    expect(await signatures.get('fraud', '4')).toMatchObject({ state: 'failed', reason: 'the signature is no object' })
    expect(await signatures.get('fraud', '5')).toMatchObject({
      state: 'unsigned',
      reason: 'its files are not kept here',
    })
    const { items } = await audit.search({ kind: 'model_version.signature_checked', limit: 10 })
    expect(items).toHaveLength(5)
    await models.setAlias('fraud', 'champion', '2', ada)
  })

  it('are not looked at when they are off, unless a policy or somebody asks', async () => {
    await using test = await open('off')
    const { models, signatures, promotion } = test.registry
    await models.create('fraud', {}, ada)
    await register(test, await upload(test, 'a', golden.signatures.p256))
    await register(test, await upload(test, 'b', undefined))
    expect(await signatures.get('fraud', '1')).toBeUndefined()
    expect(await signatures.check('fraud', '1', ada)).toMatchObject({ state: 'verified' })
    expect(await signatures.get('fraud', '1')).toMatchObject({ state: 'verified' })
    await promotion.setPolicy('fraud', { aliases: { champion: [{ signed: true }] } }, ada)
    await models.setAlias('fraud', 'champion', '1', ada)
    await expect(models.setAlias('fraud', 'champion', '2', ada)).rejects.toThrow(
      'no verified signature: it has no file model.sig',
    )
  })

  it('keep unsigned models out when they are enforced, and older ones from serving', async () => {
    await using test = await open('enforce')
    const { models, versions, promotion, audit } = test.registry
    await models.create('fraud', {}, ada)
    await register(test, await upload(test, 'a', golden.signatures.p256))
    const unsigned = await upload(test, 'b', undefined)
    await expect(register(test, unsigned)).rejects.toMatchObject({ code: 'signature_refused', status: 'conflict' })
    expect((await register(test, 'models:/fraud/1')).version).toBe(2)
    const { items } = await audit.search({ kind: 'registration.refused', limit: 10 })
    expect(items).toMatchObject([{ details: { source: unsigned, signature: { state: 'unsigned' } } }])
    await models.setAlias('fraud', 'champion', '1', ada)
    // As if it had been registered before signatures were asked for.
    await test.db.query("UPDATE model_versions SET storage_location = 's3://x/y' WHERE version = 2")
    expect(await promotion.check('fraud', '2', { stage: 'Production' })).toMatchObject({ allowed: false })
    await expect(models.setAlias('fraud', 'champion', '2', ada)).rejects.toMatchObject({ code: 'promotion_refused' })
    const archived = { stage: 'Archived', archiveExisting: false }
    expect((await versions.transition('fraud', '2', archived, ada)).stage).toBe('Archived')
    const tags = [{ key: 'mlflow.prompt.is_prompt', value: 'true' }]
    const prompt = { name: 'fraud', source: 'dummy-source', runId: '', runLink: '', modelId: '', description: '', tags }
    expect((await versions.create(prompt, ada)).version).toBe(3)
    await models.setAlias('fraud', 'text', '3', ada)
  })
})

describe('the digests of a version', () => {
  it('show bytes that changed where they are kept', async () => {
    await using test = await openTestRegistry()
    await test.registry.models.create('fraud', {}, ada)
    await register(test, await upload(test, 'a', undefined))
    const rotten: BlobStore = {
      ...test.blobs,
      async *read() {
        yield await Promise.resolve(Buffer.from('rot'))
      },
    }
    const integrity = new VersionIntegrity({ db: test.db, blobs: rotten, events: new EventLog(test.clock) })
    const report = await integrity.verifyDigests('fraud', '1', ada)
    expect(report).toMatchObject({ intact: false, files: 5, bytes: 15 })
    const actual = createHash('sha256').update('rot').digest('hex')
    expect(report.problems[0]).toMatchObject({ path: 'MLmodel', problem: 'altered', actual })
  })

  it('are those of the bytes that are there, until somebody changes them behind the back', async () => {
    await using test = await openTestRegistry()
    const { models, integrity, audit } = test.registry
    await models.create('fraud', {}, ada)
    await register(test, await upload(test, 'a', undefined))
    const sound = await integrity.verifyDigests('fraud', '1', ada)
    expect(sound).toMatchObject({ model: 'fraud', version: 1, intact: true, files: 5, problems: [] })
    expect(sound.actualDigest).toBe(sound.sealedDigest)
    expect(sound.bytes).toBe(Object.values(golden.files).reduce((sum, hex) => sum + hex.length / 2, 0))
    await test.db.query("UPDATE artifacts SET digest = ? WHERE path = '0/models/a/MLmodel'", ['0'.repeat(64)])
    const broken = await integrity.verifyDigests('fraud', '1', ada)
    expect(broken).toMatchObject({
      intact: false,
      problems: [{ path: 'MLmodel', problem: 'missing', actual: undefined }],
    })
    await test.db.query("DELETE FROM artifacts WHERE path = '0/models/a/MLmodel'")
    expect(await integrity.verifyDigests('fraud', '1', ada)).toMatchObject({ intact: false, files: 4, problems: [] })
    expect((await audit.search({ kind: 'model_version.digests_verified', limit: 10 })).items).toHaveLength(3)
    await expect(integrity.verifyDigests('fraud', '1', ada, AbortSignal.abort())).rejects.toMatchObject({
      name: 'AbortError',
    })
    await register(test, 's3://elsewhere/x')
    await expect(integrity.verifyDigests('fraud', '2', ada)).rejects.toMatchObject({ code: 'invalid_parameter' })
  })
})
