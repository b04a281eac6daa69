import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { SecretKey } from '../../registry/index.ts'

const keyBytes = 32

/** 32 bytes as 64 hex digits or in base64. Throws an Error that tells the form, and nothing of what was given. */
const readKey = (text: string, source: string): Uint8Array => {
  const given = text.trim()
  const key = /^[0-9a-f]{64}$/i.test(given) ? Buffer.from(given, 'hex') : Buffer.from(given, 'base64')
  if (key.length === keyBytes && /^[\w+/=-]+$/.test(given)) return key
  throw new Error(`${source} must hold 32 random bytes as 64 hex digits or base64 (openssl rand -hex 32)`)
}

/** Makes a key where there is none; of several processes that do so at once, one's is the key. */
const makeKey = async (path: string, newId: () => string): Promise<void> => {
  await mkdir(dirname(path), { recursive: true })
  const own = `${path}.${newId()}`
  try {
    const file = await open(own, 'wx', 0o600)
    try {
      await file.writeFile(`${randomBytes(keyBytes).toString('hex')}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await link(own, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await rm(own, { force: true })
  }
}

export interface WebhookKeySource {
  /** The key itself; empty for one in a file. */
  readonly key: string
  readonly file: string
  /** Whether a file that isn't there is made. */
  readonly isMade: boolean
}

/** The key of webhooks' secrets: as it was given, or that of a file, which is read when the key is first needed. */
export const openWebhookKey = ({ key, file, isMade }: WebhookKeySource, newId: () => string): SecretKey => {
  const given = key === '' ? undefined : readKey(key, 'registry.webhooks.key')
  let known: Promise<Uint8Array> | undefined
  const read = async (): Promise<Uint8Array> => readKey(await readFile(file, 'utf8'), file)
  const readOrMake = async (): Promise<Uint8Array> => {
    try {
      return await read()
    } catch (error) {
      if (!isMade || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
    await makeKey(file, newId)
    return read()
  }
  return {
    require() {
      if (given !== undefined) return Promise.resolve(given)
      known ??= readOrMake()
      // Why: a disk that was full may have space the next time.
      known.catch(() => (known = undefined))
      return known
    },
  }
}
