import type { Clock } from '../../lib/index.ts'
import type { Database, Queries } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import type { Actor, EventLog } from '../event-log.ts'
import type { FileReader, KnownFiles } from '../known-files.ts'
import type { VersionRow } from '../model-rows.ts'
import { requireVersionRow } from '../model-rows.ts'
import { Refusal } from '../refusal.ts'
import type { SignatureBundle } from './signature-bundle.ts'
import { BundleError, readBundle } from './signature-bundle.ts'
import type { SigningTrust } from './signing-trust.ts'
import type { SignatureFinding } from './verify-signature.ts'
import { signatureFile, verifySignature } from './verify-signature.ts'
import { versionFile, versionFiles, versionFilesMax, versionFolder } from './version-files.ts'

/** What is known of a version's signature, from its newest check. */
export type SignatureView = SignatureFinding & {
  /** Unix ms. */
  readonly checkedTime: number
}

export interface VersionSignaturesDeps {
  readonly db: Database
  readonly clock: Clock
  readonly events: EventLog
  readonly files: KnownFiles
  readonly trust: SigningTrust
}

type Bundle = { readonly bundle: SignatureBundle } | { readonly reason: string }

const bundleReader: FileReader<Bundle> = {
  name: 'signature',
  bytesMax: 32 * 1024 * 1024,
  read(bytes) {
    try {
      return { bundle: readBundle(bytes) }
    } catch (error) {
      if (error instanceof BundleError) return { reason: error.message }
      throw error
    }
  },
  unreadable: (reason) => ({ reason }),
}

/**
 * When certificates must have been valid. Since a version's files were sealed, when the first version was made of them,
 * nobody could put a signature there: it was made by then, and a certificate that has run out since still counts.
 */
const sealedTime = async (tx: Queries, folder: string, row: VersionRow): Promise<number> => {
  const [sealed] = await tx.query<{ sealed_time: number }>('SELECT sealed_time FROM sealed_folders WHERE path = ?', [
    folder,
  ])
  return sealed?.sealed_time ?? row.creation_time
}

/** Sources of prompts name nothing at all: there is nothing to sign. */
const hasNoFiles = (row: VersionRow): boolean => /^[\w-]+$/.test(row.storage_location)

/**
 * Signatures of versions: files named `model.sig` in their folders, in the format of OpenSSF model signing 1.0. They
 * are checked when a version is registered, since its files can't change afterwards, and again when it is moved.
 */
export class VersionSignatures {
  readonly #deps: VersionSignaturesDeps

  constructor(deps: VersionSignaturesDeps) {
    this.#deps = deps
  }

  /** Whether a version can't go on without a good signature. */
  isRequired(row: VersionRow): boolean {
    return this.#deps.trust.mode === 'enforce' && !hasNoFiles(row)
  }

  /** What the newest check found; undefined when there was none. */
  async get(model: string, version: string): Promise<SignatureView | undefined> {
    const { db } = this.#deps
    const row = await requireVersionRow(db, model, version)
    const [found] = await db.query<{ state: string; signer: string; reason: string; checked_time: number }>(
      'SELECT state, signer, reason, checked_time FROM version_signatures WHERE model_key = ? AND version = ?',
      [row.model_key, row.version],
    )
    if (found === undefined) return undefined
    const { state, signer, reason, checked_time: checkedTime } = found
    if (state === 'verified') return { state, signer, checkedTime }
    return { state: state === 'failed' ? 'failed' : 'unsigned', reason, checkedTime }
  }

  /** Checks a version's signature with the keys and roots of now, and keeps what is found. */
  check(model: string, version: string, actor: Actor): Promise<SignatureView> {
    const { db, files } = this.#deps
    return files.within(() =>
      db.transact(async (tx) => {
        const row = await requireVersionRow(tx, model, version)
        return this.#keep(tx, row, await this.examine(tx, row), actor)
      }),
    )
  }

  /**
   * Checks a version that is just being registered. Fails with `signature_refused` when signatures are enforced and it
   * has none that is good. Called within `KnownFiles.within`.
   */
  async atRegistration(tx: Queries, row: VersionRow, actor: Actor): Promise<void> {
    if (this.#deps.trust.mode === 'off' || hasNoFiles(row)) return
    const finding = await this.examine(tx, row)
    if (this.isRequired(row) && finding.state !== 'verified')
      throw new Refusal(fail('signature_refused', { model: row.name, reason: finding.reason }), {
        kind: 'registration.refused',
        subject: String(row.model_key),
        actor,
        details: { name: row.name, source: row.source, signature: finding },
      })
    await this.#keep(tx, row, finding, actor)
  }

  /** What is to be said of a version's signature now. Called within `KnownFiles.within`. */
  async examine(tx: Queries, row: VersionRow): Promise<SignatureFinding> {
    const folder = versionFolder(row)
    if (folder === undefined) return { state: 'unsigned', reason: 'its files are not kept here' }
    const signature = await versionFile(tx, row, signatureFile)
    if (signature === undefined) return { state: 'unsigned', reason: `it has no file ${signatureFile}` }
    const read = this.#deps.files.require(signature, bundleReader)
    if ('reason' in read) return { state: 'failed', reason: read.reason }
    const files = await versionFiles(tx, folder, { limit: versionFilesMax + 1 })
    if (files.length > versionFilesMax) return { state: 'failed', reason: `it has more than ${versionFilesMax} files` }
    return verifySignature(read.bundle, files, this.#deps.trust, await sealedTime(tx, folder, row))
  }

  /** Keeps what a check found; an event tells of what is new. */
  async #keep(tx: Queries, row: VersionRow, finding: SignatureFinding, actor: Actor): Promise<SignatureView> {
    const signer = finding.state === 'verified' ? finding.signer : ''
    const reason = finding.state === 'verified' ? '' : finding.reason
    const checkedTime = this.#deps.clock.wallMs()
    await tx.query(putSignature, [row.model_key, row.version, finding.state, signer, reason, checkedTime])
    await this.#deps.events.append(tx, {
      kind: 'model_version.signature_checked',
      subject: String(row.model_key),
      actor,
      details: { name: row.name, version: row.version, signature: finding },
    })
    return { ...finding, checkedTime }
  }
}

const putSignature = `INSERT INTO version_signatures (model_key, version, state, signer, reason, checked_time) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (model_key, version) DO UPDATE SET
    state = excluded.state, signer = excluded.signer, reason = excluded.reason, checked_time = excluded.checked_time`
