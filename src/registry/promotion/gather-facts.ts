import type { Queries } from '../../ports/index.ts'
import type { FileReader, KnownFiles } from '../known-files.ts'
import type { VersionRow } from '../model-rows.ts'
import { versionColumns, versionsFrom } from '../model-rows.ts'
import type { SignatureFinding } from '../signing/verify-signature.ts'
import { versionFile, versionFolder } from '../signing/version-files.ts'
import { chunks, placeholders } from '../sql.ts'
import type { Condition, MoveTarget, PromotionPolicy } from './policy.ts'
import { rulesFor } from './policy.ts'
import type { ComparedFacts, Decision, Measurement, PromotionFacts, SignatureFact } from './promotion-facts.ts'
import { readSignature, SignatureError } from './read-signature.ts'

/** A version's drift baseline is this file in its folder, or what this tag names. */
const driftBaselineFile = 'drift-baseline.json'
const driftBaselineTag = 'slipway.driftBaseline'
const mlmodelFile = 'MLmodel'

const signatureReader: FileReader<SignatureFact> = {
  name: 'mlmodel',
  bytesMax: 4 * 1024 * 1024,
  read(bytes) {
    try {
      const signature = readSignature(new TextDecoder().decode(bytes))
      return signature === undefined ? { kind: 'none' } : { kind: 'known', signature }
    } catch (error) {
      if (error instanceof SignatureError) return { kind: 'unreadable', reason: error.message }
      throw error
    }
  },
  unreadable: (reason) => ({ kind: 'unreadable', reason }),
}

export interface FactsRequest {
  readonly row: VersionRow
  readonly target: MoveTarget
  readonly policy: PromotionPolicy
}

export interface FactSources {
  readonly files: KnownFiles
  examineSignature(tx: Queries, row: VersionRow): Promise<SignatureFinding>
}

/** What the conditions of a move ask for. */
interface Wanted {
  readonly keys: readonly string[]
  readonly aliases: readonly string[]
  readonly signatures: boolean
  readonly signed: boolean
}

const wantedBy = (conditions: readonly Condition[]): Wanted => {
  const keys = new Set<string>()
  const aliases = new Set<string>()
  for (const condition of conditions) {
    if (condition.kind === 'metric') keys.add(condition.key)
    if (condition.kind === 'metric' && condition.notWorseThan !== undefined) aliases.add(condition.notWorseThan.alias)
    if (condition.kind === 'signature') aliases.add(condition.compatibleWith)
  }
  return {
    keys: [...keys],
    aliases: [...aliases],
    signatures: conditions.some(({ kind }) => kind === 'signature'),
    signed: conditions.some(({ kind }) => kind === 'signed'),
  }
}

/** Reads, within the transaction of a move, all that the policy's conditions for it ask about. */
export const gatherFacts = async (
  tx: Queries,
  { row, target, policy }: FactsRequest,
  sources: FactSources,
): Promise<PromotionFacts> => {
  const wanted = wantedBy(rulesFor(policy, target).flatMap((rule) => rule.conditions))
  const tags = await tagsOf(tx, row)
  const finding = wanted.signed ? await sources.examineSignature(tx, row) : undefined
  return {
    ...(await comparedFacts(tx, row, wanted, sources.files)),
    target,
    tags,
    hasDriftBaseline: tags.has(driftBaselineTag) || (await versionFile(tx, row, driftBaselineFile)) !== undefined,
    authors: await authorsOf(tx, row),
    decisions: await decisionsOf(tx, row),
    unsignedBecause: finding === undefined || finding.state === 'verified' ? undefined : finding.reason,
    aliased: await aliasedFacts(tx, row, wanted, sources.files),
  }
}

const comparedFacts = async (
  tx: Queries,
  row: VersionRow,
  wanted: Wanted,
  files: KnownFiles,
): Promise<ComparedFacts> => ({
  version: row.version,
  measurements: await measurementsOf(tx, row, wanted.keys),
  signature: wanted.signatures ? await signatureOf(tx, row, files) : { kind: 'none' },
})

const aliasedFacts = async (
  tx: Queries,
  row: VersionRow,
  wanted: Wanted,
  files: KnownFiles,
): Promise<ReadonlyMap<string, ComparedFacts>> => {
  const facts = new Map<string, ComparedFacts>()
  for (const alias of wanted.aliases) {
    const [other] = await tx.query<VersionRow>(
      `SELECT ${versionColumns} FROM ${versionsFrom} JOIN model_aliases a ON a.model_key = v.model_key AND a.version = v.version
       WHERE a.model_key = ? AND a.alias = ?`,
      [row.model_key, alias],
    )
    if (other !== undefined) facts.set(alias, await comparedFacts(tx, other, wanted, files))
  }
  return facts
}

const signatureOf = async (tx: Queries, row: VersionRow, files: KnownFiles): Promise<SignatureFact> => {
  if (versionFolder(row) === undefined) return { kind: 'unreadable', reason: 'its files are not kept here' }
  const file = await versionFile(tx, row, mlmodelFile)
  if (file === undefined) return { kind: 'none' }
  return files.require(file, signatureReader)
}

const tagsOf = async (tx: Queries, row: VersionRow): Promise<ReadonlyMap<string, string>> => {
  const rows = await tx.query<{ key: string; value: string }>(
    'SELECT key, value FROM model_version_tags WHERE model_key = ? AND version = ?',
    [row.model_key, row.version],
  )
  return new Map(rows.map(({ key, value }) => [key, value]))
}

const authorsOf = async (tx: Queries, row: VersionRow): Promise<readonly string[]> => {
  const runs =
    row.run_id === ''
      ? []
      : await tx.query<{ user_id: string }>('SELECT user_id FROM runs WHERE run_id = ?', [row.run_id])
  return [row.user_id, ...runs.map((run) => run.user_id)].filter((name) => name !== '')
}

const decisionsOf = async (tx: Queries, row: VersionRow): Promise<readonly Decision[]> => {
  const rows = await tx.query<{ person: string; decision: string }>(
    'SELECT person, decision FROM approvals WHERE model_key = ? AND version = ? ORDER BY decided_time, person',
    [row.model_key, row.version],
  )
  return rows.map(({ person, decision }) => ({ person, decision: decision === 'approved' ? 'approved' : 'rejected' }))
}

interface MeasuredRow extends Readonly<Record<string, string | number>> {
  readonly key: string
  readonly dataset_name: string
  readonly dataset_digest: string
  readonly latest_value: number
  readonly latest_is_nan: number
}

/** Those of the version's logged model, the newest first, and then those of its run. */
const measurementsOf = async (tx: Queries, row: VersionRow, keys: readonly string[]): Promise<Measurement[]> => {
  const found: Measurement[] = []
  for (const part of chunks(keys)) {
    const ofModel =
      row.model_id === ''
        ? []
        : await tx.query<MeasuredRow>(
            `SELECT key, dataset_name, dataset_digest, latest_value, latest_is_nan FROM logged_model_metrics
             WHERE model_id = ? AND key IN (${placeholders(part.length)})
             ORDER BY latest_timestamp DESC, latest_step DESC, dataset_name, dataset_digest, run_id`,
            [row.model_id, ...part],
          )
    const ofRun =
      row.run_id === ''
        ? []
        : await tx.query<MeasuredRow>(
            `SELECT key, '' AS dataset_name, '' AS dataset_digest, latest_value, latest_is_nan FROM metric_series
             WHERE run_id = ? AND key IN (${placeholders(part.length)})`,
            [row.run_id, ...part],
          )
    found.push(...[...ofModel, ...ofRun].map(measurement))
  }
  return found
}

const measurement = (row: MeasuredRow): Measurement => ({
  key: row.key,
  value: row.latest_is_nan === 1 ? NaN : row.latest_value,
  dataset: row.dataset_name === '' ? undefined : { name: row.dataset_name, digest: row.dataset_digest },
})
