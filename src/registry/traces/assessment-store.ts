import type { Clock } from '../../lib/index.ts'
import type { Database, Queries } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import type { Tag } from '../experiment.ts'
import { excerpt, requireInteger } from '../limits.ts'
import type { Assessment, AssessmentChange, NewAssessment } from './assessment.ts'
import type { AssessmentRow } from './assessment-rows.ts'
import { assessmentColumns, assessmentOf, putAssessment, requireAssessmentFits } from './assessment-rows.ts'
import { noTrace } from './trace-id.ts'
import { traceLimits } from './trace.ts'

export interface AssessmentStoreDeps {
  readonly db: Database
  readonly clock: Clock
  newId(): string
}

/** Feedback on traces, and what is expected of them. */
export class AssessmentStore {
  readonly #deps: AssessmentStoreDeps

  constructor(deps: AssessmentStoreDeps) {
    this.#deps = deps
  }

  create(traceId: string, given: NewAssessment): Promise<Assessment> {
    return this.#deps.db.transact(async (tx) => {
      const [trace] = await tx.query('SELECT trace_id FROM traces WHERE trace_id = ?', [traceId])
      if (trace === undefined) return noTrace(traceId)
      return this.add(tx, traceId, given)
    })
  }

  /** As create, within a transaction in which the trace is known to be there. */
  async add(tx: Queries, traceId: string, given: NewAssessment): Promise<Assessment> {
    const nowMs = this.#deps.clock.wallMs()
    const assessment: Assessment = {
      ...given,
      assessmentId: await this.#idOf(tx, traceId, given.assessmentId),
      traceId,
      valid: true,
      createTime: requireInteger('create_time', given.createTime ?? nowMs, 0),
      lastUpdateTime: requireInteger('last_update_time', given.lastUpdateTime ?? nowMs, 0),
    }
    requireAssessmentFits(assessment)
    const [{ count } = { count: 0 }] = await tx.query<{ count: number }>(
      'SELECT COUNT(*) AS count FROM assessments WHERE trace_id = ?',
      [traceId],
    )
    if (Number(count) >= traceLimits.assessmentsOfTrace)
      throw fail('invalid_parameter', {
        reason: `Trace '${traceId}' has ${traceLimits.assessmentsOfTrace} assessments, the most that are kept of one.`,
      })
    if (given.overrides !== undefined) await this.#setValid(tx, { traceId, id: given.overrides, valid: false })
    await putAssessment(tx, assessment)
    return assessment
  }

  /** A client's own id is kept when it has the form of one and no other trace has it. */
  async #idOf(tx: Queries, traceId: string, given: string | undefined): Promise<string> {
    const made = `a-${this.#deps.newId()}`
    if (given === undefined || !/^a-[0-9a-f]{32}$/.test(given)) return made
    const [taken] = await tx.query('SELECT 1 AS taken FROM assessments WHERE assessment_id = ? AND trace_id <> ?', [
      given,
      traceId,
    ])
    return taken === undefined ? given : made
  }

  require(traceId: string, assessmentId: string): Promise<Assessment> {
    return requireAssessment(this.#deps.db, traceId, assessmentId)
  }

  /** Source, span and kind stay; metadata is joined with what is there. */
  async update(traceId: string, assessmentId: string, change: AssessmentChange): Promise<Assessment> {
    const { db, clock } = this.#deps
    return db.transact(async (tx) => {
      const before = await requireAssessment(tx, traceId, assessmentId)
      if (change.kind !== undefined && change.kind !== before.kind)
        throw fail('invalid_parameter', {
          reason: `Cannot update ${change.kind} value on ${before.kind === 'feedback' ? 'a Feedback' : 'an Expectation'} assessment.`,
        })
      const after: Assessment = {
        ...before,
        name: change.name ?? before.name,
        content: change.content ?? before.content,
        rationale: change.rationale ?? before.rationale,
        metadata: joined(before.metadata, change.metadata ?? []),
        lastUpdateTime: clock.wallMs(),
      }
      requireAssessmentFits(after)
      if (change.content === undefined)
        await tx.query(
          'UPDATE assessments SET name = ?, rationale = ?, metadata = ?, last_update_time = ? WHERE assessment_id = ?',
          [after.name, after.rationale ?? null, JSON.stringify(after.metadata), after.lastUpdateTime, assessmentId],
        )
      else await putAssessment(tx, after)
      return after
    })
  }

  /** Deleting what isn't there is allowed. The assessment that it replaced counts again. */
  async delete(traceId: string, assessmentId: string): Promise<void> {
    await this.#deps.db.transact(async (tx) => {
      const [gone] = await tx.query<{ overrides: string | null }>(
        'DELETE FROM assessments WHERE trace_id = ? AND assessment_id = ? RETURNING overrides',
        [traceId, assessmentId],
      )
      if (gone?.overrides)
        await tx.query('UPDATE assessments SET valid = 1 WHERE trace_id = ? AND assessment_id = ?', [
          traceId,
          gone.overrides,
        ])
    })
  }

  async #setValid(tx: Queries, { traceId, id, valid }: { traceId: string; id: string; valid: boolean }): Promise<void> {
    const changed = await tx.query(
      'UPDATE assessments SET valid = ? WHERE trace_id = ? AND assessment_id = ? RETURNING assessment_id',
      [valid ? 1 : 0, traceId, id],
    )
    if (changed.length === 0) noAssessment(traceId, id)
  }
}

const noAssessment = (traceId: string, assessmentId: string): never => {
  throw fail('resource_missing', {
    reason: `Assessment with ID '${excerpt(assessmentId)}' not found for trace '${excerpt(traceId)}'`,
  })
}

const requireAssessment = async (queries: Queries, traceId: string, assessmentId: string): Promise<Assessment> => {
  const [row] = await queries.query<AssessmentRow>(
    `SELECT ${assessmentColumns} FROM assessments a WHERE a.trace_id = ? AND a.assessment_id = ?`,
    [traceId, assessmentId],
  )
  if (row !== undefined) return assessmentOf(row)
  const [trace] = await queries.query('SELECT trace_id FROM traces WHERE trace_id = ?', [traceId])
  return trace === undefined ? noTrace(traceId) : noAssessment(traceId, assessmentId)
}

const joined = (before: readonly Tag[], more: readonly Tag[]): Tag[] => [
  ...new Map([...before, ...more].map((tag) => [tag.key, tag])).values(),
]
