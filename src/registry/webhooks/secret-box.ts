import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'

/** The key of secrets at rest: 32 bytes. */
export interface SecretKey {
  /** Gives the key; makes one where that is the way and there is none yet. */
  require(): Promise<Uint8Array>
}

const algorithm = 'aes-256-gcm'
const nonceBytes = 12
const tagBytes = 16

/** Names a key without telling of it. */
const keyName = (key: Uint8Array): string => createHash('sha256').update(key).digest('hex').slice(0, 16)

/** Keeps secrets encrypted (AES-256-GCM), each bound to what it belongs to, so that it is good nowhere else. */
export class SecretBox {
  readonly #key: SecretKey

  constructor(key: SecretKey) {
    this.#key = key
  }

  /** `v1.KEY.BYTES`. */
  async seal(secret: string, owner: string): Promise<string> {
    const key = await this.#key.require()
    const nonce = randomBytes(nonceBytes)
    const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes }).setAAD(Buffer.from(owner))
    const sealed = Buffer.concat([nonce, cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()])
    return `v1.${keyName(key)}.${sealed.toString('base64url')}`
  }

  /** Throws an Error when this server has another key, or the text was tampered with. */
  async open(text: string, owner: string): Promise<string> {
    const [version, name, bytes = ''] = text.split('.')
    const key = await this.#key.require()
    if (version !== 'v1' || name !== keyName(key))
      throw new Error(`the secret was encrypted with another key (${name ?? ''}) than this server's (${keyName(key)})`)
    const sealed = Buffer.from(bytes, 'base64url')
    const decipher = createDecipheriv(algorithm, key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes })
      .setAAD(Buffer.from(owner))
      .setAuthTag(sealed.subarray(-tagBytes))
    try {
      return decipher.update(sealed.subarray(nonceBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8')
    } catch (error) {
      throw new Error('the encrypted secret was changed', { cause: error })
    }
  }
}
