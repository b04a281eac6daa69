import type { Database, Queries } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import type { Actor, EventLog } from '../event-log.ts'
import type { KnownFiles } from '../known-files.ts'
import type { ModelRow, VersionRow } from '../model-rows.ts'
import { Refusal, tellingRefusals } from '../refusal.ts'
import type { VersionSignatures } from '../signing/version-signatures.ts'
import type { PolicyVerdict } from './evaluate-policy.ts'
import { evaluatePolicy, moveText, refusalText } from './evaluate-policy.ts'
import { gatherFacts } from './gather-facts.ts'
import { parsePolicy } from './parse-policy.ts'
import type { MoveTarget, PromotionPolicy } from './policy.ts'
import { rulesFor, targetText } from './policy.ts'

export interface PromotionGateDeps {
  readonly db: Database
  readonly events: EventLog
  readonly files: KnownFiles
  readonly signatures: VersionSignatures
}

type Keyed = Pick<ModelRow, 'model_key' | 'name'>

/** What is to be done to something that the policy guards. */
interface Loss {
  /** `deleting version 3 of 'fraud'`. */
  readonly what: string
  readonly actor: Actor
}

/**
 * Lets versions move, or not, within the transaction of the move, so that what it looked at still holds when the move
 * is made.
 *
 * What a policy guards can't be got round: a guarded alias can be moved, but not taken off, since a first move has
 * nothing to be compared with; a version that a guarded alias points at, or that is in a guarded stage, can't be
 * deleted, nor can its model; and the model can't be renamed, since its name would be free for a model without the
 * policy. Whoever means it changes the policy first, and the log tells of that. A move to where the version is already
 * is none, and isn't asked about.
 */
export class PromotionGate {
  readonly #deps: PromotionGateDeps

  constructor(deps: PromotionGateDeps) {
    this.#deps = deps
  }

  /** Runs a transaction in which the gate is asked, and tells of a refusal in the event log. */
  transact<T>(fn: (tx: Queries) => Promise<T>): Promise<T> {
    const { db, files } = this.#deps
    return tellingRefusals(this.#deps, () => files.within(() => db.transact(fn)))
  }

  /** Fails with `promotion_refused`, with every reason, unless the version may move there. */
  async requireMove(tx: Queries, row: VersionRow, target: MoveTarget, actor: Actor): Promise<void> {
    const verdict = await this.evaluate(tx, row, target)
    if (verdict.allowed) return
    const what = moveText(row.name, row.version, target)
    const reasons = verdict.results.filter((result) => !result.passed).map((result) => result.reason)
    throw new Refusal(fail('promotion_refused', { what, reason: refusalText(verdict) }), {
      kind: 'promotion.refused',
      subject: String(row.model_key),
      actor,
      details: { name: row.name, version: row.version, target, what, reasons },
    })
  }

  /** Whether a version may move, and why. Without a policy it may. Called within `transact`. */
  async evaluate(tx: Queries, row: VersionRow, target: MoveTarget): Promise<PolicyVerdict> {
    const { files, signatures } = this.#deps
    const policy = await readPolicy(tx, row.model_key)
    const examineSignature = (queries: Queries, of: VersionRow) => signatures.examine(queries, of)
    const verdict: PolicyVerdict =
      policy === undefined || rulesFor(policy, target).length === 0
        ? { allowed: true, results: [] }
        : evaluatePolicy(policy, await gatherFacts(tx, { row, target, policy }, { files, examineSignature }))
    const isAsked = verdict.results.some(({ condition }) => condition.kind === 'signed')
    if (!signatures.isRequired(row) || isAsked || !isServed(target)) return verdict
    const finding = await signatures.examine(tx, row)
    if (finding.state === 'verified') return verdict
    const result = {
      condition: { kind: 'signed' },
      passed: false,
      reason: `it has no verified signature: ${finding.reason}`,
    } as const
    return { allowed: false, results: [...verdict.results, result] }
  }

  /** Fails with `promotion_refused` when an alias that the policy guards would be taken off. */
  async requireRemovable(tx: Queries, model: Keyed, alias: string, actor: Actor): Promise<void> {
    const policy = await readPolicy(tx, model.model_key)
    if (policy === undefined || rulesFor(policy, { kind: 'alias', alias }).length === 0) return
    const what = `taking @${alias} off '${model.name}'`
    throw this.#refusal(model, { what, actor }, [
      `the promotion policy guards @${alias}; move it to another version, or change the policy first`,
    ])
  }

  /** Fails with `promotion_refused` when the version, or any of the model's, is where the policy guards it. */
  async requireUnguarded(tx: Queries, model: Keyed, loss: Loss & { readonly version?: number }): Promise<void> {
    const policy = await readPolicy(tx, model.model_key)
    if (policy === undefined) return
    const guarded = await guardedPlaces(tx, model.model_key, policy, loss.version)
    if (guarded.length === 0) return
    throw this.#refusal(
      model,
      loss,
      guarded.map(
        ({ version, target }) => `version ${version} is ${targetText(target)}, which the promotion policy guards`,
      ),
    )
  }

  #refusal(model: Keyed, { what, actor }: Loss, reasons: readonly string[]): Refusal {
    const more = reasons.length > reasonsMax ? `; and ${reasons.length - reasonsMax} more` : ''
    const reason = `${reasons.slice(0, reasonsMax).join('; ')}${more}`
    return new Refusal(fail('promotion_refused', { what, reason }), {
      kind: 'promotion.refused',
      subject: String(model.model_key),
      actor,
      details: { name: model.name, what, reasons: reasons.slice(0, reasonsMax) },
    })
  }
}

/** Most reasons of one refusal. */
const reasonsMax = 20

/** Unsigned versions may still be put aside. */
const isServed = (target: MoveTarget): boolean =>
  target.kind === 'alias' || target.stage === 'Staging' || target.stage === 'Production'

/** The policy that guards a model. It was checked when it was set. */
const readPolicy = async (queries: Queries, modelKey: number): Promise<PromotionPolicy | undefined> => {
  const [row] = await queries.query<{ document: string }>(
    'SELECT document FROM promotion_policies WHERE model_key = ?',
    [modelKey],
  )
  return row === undefined ? undefined : parsePolicy(JSON.parse(row.document)).policy
}

interface Place {
  readonly version: number
  readonly target: MoveTarget
}

/** Where the versions of a model, or one of them, stand that the policy guards. */
const guardedPlaces = async (
  tx: Queries,
  modelKey: number,
  policy: PromotionPolicy,
  version: number | undefined,
): Promise<Place[]> => {
  const only = version === undefined ? '' : ' AND version = ?'
  const args = version === undefined ? [modelKey] : [modelKey, version]
  const aliases = await tx.query<{ version: number; alias: string }>(
    `SELECT version, alias FROM model_aliases WHERE model_key = ?${only} ORDER BY alias`,
    args,
  )
  const stages = policy.rules.flatMap(({ target }) => (target.kind === 'stage' ? [target.stage] : []))
  const staged = await tx.query<{ version: number; current_stage: string }>(
    `SELECT version, current_stage FROM model_versions WHERE model_key = ?${only} ORDER BY version`,
    args,
  )
  return [
    ...aliases.map(({ version: of, alias }): Place => ({ version: of, target: { kind: 'alias', alias } })),
    ...staged.flatMap(({ version: of, current_stage: current }): Place[] => {
      const stage = stages.find((guarded) => guarded === current)
      return stage === undefined ? [] : [{ version: of, target: { kind: 'stage', stage } }]
    }),
  ].filter(({ target }) => rulesFor(policy, target).length > 0)
}
