import { describe, expect, it } from 'vitest'
import { openTestRegistry } from '../../testing/open-test-registry.ts'

const blob = { digest: 'ab'.repeat(32), bytes: 3 }
const day = 86_400_000

describe('the store of uploads in parts', () => {
  it('puts what an upload became where the upload belongs', async () => {
    await using test = await openTestRegistry()
    const { uploads, artifacts } = test.registry
    await uploads.start('u1', '0/run/artifacts/model.bin')
    expect(await uploads.require('u1', '0/run/artifacts/model.bin')).toMatchObject({ digest: undefined })
    await uploads.finish('u1', '0/run/artifacts/model.bin', blob)
    expect(await uploads.require('u1', '0/run/artifacts/model.bin')).toMatchObject({ digest: blob.digest })
    expect(await artifacts.get('0/run/artifacts/model.bin')).toMatchObject(blob)
    await expect(uploads.drop('u1')).rejects.toMatchObject({ code: 'conflict' })
  })

  it('binds an upload to its path', async () => {
    await using test = await openTestRegistry()
    const { uploads, artifacts } = test.registry
    await uploads.start('u1', '0/a')
    await expect(uploads.require('u1', '0/b')).rejects.toMatchObject({ code: 'invalid_parameter' })
    await expect(uploads.finish('u1', '0/b', blob)).rejects.toMatchObject({ code: 'resource_missing' })
    await expect(uploads.require('u2', '0/a')).rejects.toMatchObject({ code: 'resource_missing' })
    expect(await artifacts.get('0/b')).toBeUndefined()
  })

  it('finishes nothing that was dropped', async () => {
    await using test = await openTestRegistry()
    const { uploads, artifacts } = test.registry
    await uploads.start('u1', '0/a')
    await uploads.drop('u1')
    await expect(uploads.finish('u1', '0/a', blob)).rejects.toMatchObject({ code: 'resource_missing' })
    expect(await artifacts.get('0/a')).toBeUndefined()
  })

  it('refuses a sealed folder, at the start and when it was sealed since', async () => {
    await using test = await openTestRegistry()
    const { uploads, artifacts } = test.registry
    await test.upload('0/models/m/MLmodel', 'x')
    await uploads.start('u1', '0/models/m/model.bin')
    await test.db.transact((tx) => artifacts.seal(tx, '0/models/m'))
    const sealed = { code: 'artifact_sealed' }
    await expect(uploads.finish('u1', '0/models/m/model.bin', blob)).rejects.toMatchObject(sealed)
    await expect(uploads.start('u2', '0/models/m/other.bin')).rejects.toMatchObject(sealed)
    expect(await uploads.require('u1', '0/models/m/model.bin')).toMatchObject({ digest: undefined })
  })

  it('forgets uploads after a week, and says which', async () => {
    await using test = await openTestRegistry()
    const { uploads } = test.registry
    for (const id of ['old', 'older']) expect(await uploads.start(id, '0/a')).toEqual([])
    await test.clock.advance(6 * day)
    expect(await uploads.start('young', '0/a')).toEqual([])
    await test.clock.advance(2 * day)
    expect((await uploads.start('new', '0/a')).toSorted()).toEqual(['old', 'older'])
    await expect(uploads.require('old', '0/a')).rejects.toMatchObject({ code: 'resource_missing' })
    expect(await uploads.require('young', '0/a')).toMatchObject({ path: '0/a' })
  })
})
