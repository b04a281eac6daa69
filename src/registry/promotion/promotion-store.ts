import type { Clock } from '../../lib/index.ts'
import type { Database } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import type { Actor, EventKind, EventLog } from '../event-log.ts'
import { excerpt, limits, requireLength } from '../limits.ts'
import { requireAlias, requireStage } from '../model-name.ts'
import { requireModelRow, requireVersionRow } from '../model-rows.ts'
import type { PolicyVerdict } from './evaluate-policy.ts'
import type { PolicyDocument } from './parse-policy.ts'
import { parsePolicy } from './parse-policy.ts'
import type { MoveTarget } from './policy.ts'
import type { PromotionGate } from './promotion-gate.ts'

export interface PolicyView {
  readonly model: string
  readonly document: PolicyDocument
  readonly updatedBy: string
  /** Unix ms. */
  readonly updatedTime: number
}

/** What somebody decided about a version. */
export interface DecisionView {
  readonly person: string
  readonly decision: 'approved' | 'rejected'
  /** Why; empty where they didn't say. */
  readonly reason: string
  /** Unix ms. */
  readonly time: number
}

/** Where a version is to go: `{alias}` or `{stage}`. */
export type TargetInput = { readonly alias: string } | { readonly stage: string }

export interface PromotionStoreDeps {
  readonly db: Database
  readonly clock: Clock
  readonly events: EventLog
  readonly gate: PromotionGate
}

/** Policies that guard the aliases and stages of models, and the decisions of people that they ask for. */
export class PromotionStore {
  readonly #deps: PromotionStoreDeps

  constructor(deps: PromotionStoreDeps) {
    this.#deps = deps
  }

  /**
   * Sets a model's policy, from YAML or JSON text or what was read of it; see `PolicyDocument`. Fails naming all that is
   * wrong with it. Versions that stand somewhere already stay there, whatever the policy asks for.
   */
  async setPolicy(model: string, policy: unknown, actor: Actor): Promise<PolicyView> {
    const { document } = parsePolicy(policy)
    const { db, clock, events } = this.#deps
    return db.transact(async (tx) => {
      const row = await requireModelRow(tx, model)
      const [before] = await tx.query<{ document: string }>(
        'SELECT document FROM promotion_policies WHERE model_key = ?',
        [row.model_key],
      )
      const nowMs = clock.wallMs()
      await tx.query(
        `INSERT INTO promotion_policies (model_key, document, updated_by, updated_time) VALUES (?, ?, ?, ?)
         ON CONFLICT (model_key) DO UPDATE SET
           document = excluded.document, updated_by = excluded.updated_by, updated_time = excluded.updated_time`,
        [row.model_key, JSON.stringify(document), actor.name, nowMs],
      )
      await events.append(tx, {
        kind: 'promotion_policy.set',
        subject: String(row.model_key),
        actor,
        details: {
          name: row.name,
          document,
          documentBefore: before === undefined ? null : JSON.parse(before.document),
        },
      })
      return { model: row.name, document, updatedBy: actor.name, updatedTime: nowMs }
    })
  }

  /** Undefined for a model without a policy. */
  async getPolicy(model: string): Promise<PolicyView | undefined> {
    const { db } = this.#deps
    const row = await requireModelRow(db, model)
    const [policy] = await db.query<{ document: string; updated_by: string; updated_time: number }>(
      'SELECT document, updated_by, updated_time FROM promotion_policies WHERE model_key = ?',
      [row.model_key],
    )
    if (policy === undefined) return undefined
    return {
      model: row.name,
      document: JSON.parse(policy.document) as PolicyDocument,
      updatedBy: policy.updated_by,
      updatedTime: policy.updated_time,
    }
  }

  /** Takes a model's policy away; one that has none stays as it is. */
  async deletePolicy(model: string, actor: Actor): Promise<void> {
    const { db, events } = this.#deps
    await db.transact(async (tx) => {
      const row = await requireModelRow(tx, model)
      const [gone] = await tx.query<{ document: string }>(
        'DELETE FROM promotion_policies WHERE model_key = ? RETURNING document',
        [row.model_key],
      )
      if (gone === undefined) return
      await events.append(tx, {
        kind: 'promotion_policy.deleted',
        subject: String(row.model_key),
        actor,
        details: { name: row.name, documentBefore: JSON.parse(gone.document) as unknown },
      })
    })
  }

  /** Approves a version. What the same person decided before doesn't count any more. */
  approve(model: string, version: string, actor: Actor): Promise<DecisionView> {
    return this.#decide(model, version, 'approved', actor)
  }

  /** Rejects a version: no policy that asks for approvals lets it move until the rejection is withdrawn. */
  reject(model: string, version: string, actor: Actor): Promise<DecisionView> {
    return this.#decide(model, version, 'rejected', actor)
  }

  /** Takes the actor's own decision back; without one nothing changes. */
  async withdraw(model: string, version: string, actor: Actor): Promise<void> {
    const { db } = this.#deps
    await db.transact(async (tx) => {
      const row = await requireVersionRow(tx, model, version)
      const [gone] = await tx.query<{ decision: string }>(
        'DELETE FROM approvals WHERE model_key = ? AND version = ? AND person = ? RETURNING decision',
        [row.model_key, row.version, actor.name],
      )
      if (gone === undefined) return
      await this.#deps.events.append(tx, {
        kind: 'model_version.decision_withdrawn',
        subject: String(row.model_key),
        actor,
        details: { name: row.name, version: row.version, decisionBefore: gone.decision },
      })
    })
  }

  /** The decisions that stand, the oldest first. */
  async decisions(model: string, version: string): Promise<readonly DecisionView[]> {
    const { db } = this.#deps
    const row = await requireVersionRow(db, model, version)
    const rows = await db.query<{ person: string; decision: string; reason: string; decided_time: number }>(
      'SELECT person, decision, reason, decided_time FROM approvals WHERE model_key = ? AND version = ? ORDER BY decided_time, person LIMIT ?',
      [row.model_key, row.version, decisionsMax],
    )
    return rows.map(({ person, decision, reason, decided_time: time }) => ({
      person,
      decision: decision === 'approved' ? 'approved' : 'rejected',
      reason,
      time,
    }))
  }

  /** Whether a version might move now, and why; nothing is moved, nor told in the log. */
  async check(model: string, version: string, target: TargetInput): Promise<PolicyVerdict> {
    const to = targetOf(target)
    const { gate } = this.#deps
    return gate.transact(async (tx) => gate.evaluate(tx, await requireVersionRow(tx, model, version), to))
  }

  async #decide(
    model: string,
    version: string,
    decision: DecisionView['decision'],
    actor: Actor,
  ): Promise<DecisionView> {
    const { db, clock, events } = this.#deps
    const reason = requireLength('Reason', actor.reason ?? '', limits.description)
    return db.transact(async (tx) => {
      const row = await requireVersionRow(tx, model, version)
      const time = clock.wallMs()
      const [count] = await tx.query<{ others: number }>(
        'SELECT COUNT(*) AS others FROM approvals WHERE model_key = ? AND version = ? AND person <> ?',
        [row.model_key, row.version, actor.name],
      )
      if ((count?.others ?? 0) >= decisionsMax)
        throw fail('invalid_parameter', {
          reason: `${decisionsMax} people decided about version ${row.version} of '${excerpt(model)}' already`,
        })
      await tx.query(putDecision, [row.model_key, row.version, actor.name, decision, reason, time])
      const kind: EventKind = `model_version.${decision}`
      await events.append(tx, {
        kind,
        subject: String(row.model_key),
        actor,
        details: { name: row.name, version: row.version },
      })
      return { person: actor.name, decision, reason, time }
    })
  }
}

const decisionsMax = 1000

const putDecision = `INSERT INTO approvals (model_key, version, person, decision, reason, decided_time) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (model_key, version, person) DO UPDATE SET
    decision = excluded.decision, reason = excluded.reason, decided_time = excluded.decided_time`

const targetOf = (target: TargetInput): MoveTarget =>
  'alias' in target
    ? { kind: 'alias', alias: requireAlias(target.alias) }
    : { kind: 'stage', stage: requireStage(target.stage) }
