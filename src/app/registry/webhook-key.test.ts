import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openWebhookKey } from './webhook-key.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-key-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let ids = 0
const newId = (): string => String(++ids)

describe('the key of webhooks', () => {
  it('is made once for all who need it at the same time, readable by its owner alone', async () => {
    const file = join(folder, 'made', 'webhooks.key')
    const open = () => openWebhookKey({ key: '', file, isMade: true }, newId).require()
    const keys = await Promise.all(Array.from({ length: 8 }, open))
    expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).toBe(1)
    expect(keys[0]).toHaveLength(32)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readdirSync(join(folder, 'made'))).toEqual(['webhooks.key'])
    expect(readFileSync(file, 'utf8').trim()).toBe(Buffer.from(keys[0] ?? []).toString('hex'))
  })

  it('is taken as it is given, in hex or base64', async () => {
    const key = Buffer.alloc(32, 7)
    const given = (text: string) => openWebhookKey({ key: text, file: '', isMade: false }, newId).require()
    expect(await given(key.toString('hex'))).toEqual(key)
    expect(await given(key.toString('base64'))).toEqual(key)
    for (const text of ['short', 'x'.repeat(64), key.toString('hex').slice(1)]) {
      expect(() => given(text)).toThrow('32 random bytes')
      expect(() => given(text)).not.toThrow(text)
    }
  })

  it('is read again when the file was not there the first time, and never made in place of one that was named', async () => {
    const file = join(folder, 'named.key')
    const named = openWebhookKey({ key: '', file, isMade: false }, newId)
    await expect(named.require()).rejects.toMatchObject({ code: 'ENOENT' })
    writeFileSync(file, `${'ab'.repeat(32)}\n`)
    expect(await named.require()).toEqual(Buffer.alloc(32, 0xab))
    writeFileSync(join(folder, 'bad.key'), 'nonsense')
    await expect(
      openWebhookKey({ key: '', file: join(folder, 'bad.key'), isMade: true }, newId).require(),
    ).rejects.toThrow('32 random bytes')
  })
})
