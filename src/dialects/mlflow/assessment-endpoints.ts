import { fail } from '../../protocol/index.ts'
import type { Endpoint } from './endpoint.ts'
import { endpoint } from './endpoint.ts'
import { object, required, text } from './fields.ts'
import { assessmentFields, assessmentValue, fieldMask, newAssessment } from './trace-fields.ts'
import { assessmentView } from './trace-views.ts'

const trace = { trace_id: required(text) }
const one = { ...trace, assessment_id: required(text) }

/** Feedback on traces and expectations of them. */
export const assessmentEndpoints: readonly Endpoint[] = [
  endpoint({
    method: 'POST',
    path: 'traces/{trace_id}/assessments',
    version: '3.0',
    needs: 'registry.write',
    doc: 'Adds an assessment to a trace.',
    input: { ...trace, assessment: required(object(assessmentFields)) },
    async run({ registry }, input) {
      const created = await registry.assessments.create(input.trace_id, newAssessment(input.assessment))
      return { assessment: assessmentView(created) }
    },
  }),
  endpoint({
    method: 'GET',
    path: 'traces/{trace_id}/assessments/{assessment_id}',
    version: '3.0',
    needs: 'registry.read',
    doc: 'One assessment of a trace.',
    input: one,
    async run({ registry }, input) {
      return { assessment: assessmentView(await registry.assessments.require(input.trace_id, input.assessment_id)) }
    },
  }),
  endpoint({
    method: 'PATCH',
    path: 'traces/{trace_id}/assessments/{assessment_id}',
    version: '3.0',
    needs: 'registry.write',
    doc: 'Changes the fields of an assessment that the mask names.',
    input: { ...one, assessment: required(object(assessmentFields)), update_mask: fieldMask },
    async run({ registry }, { trace_id: traceId, assessment_id: assessmentId, assessment, update_mask: mask }) {
      const value = assessmentValue(assessment)
      if (value !== undefined && !mask.has(value.kind))
        throw fail('invalid_parameter', { reason: `update_mask must name '${value.kind}', which is given.` })
      const changed = await registry.assessments.update(traceId, assessmentId, {
        ...value,
        name: mask.has('assessment_name') ? assessment.assessment_name : undefined,
        rationale: mask.has('rationale') ? (assessment.rationale ?? '') : undefined,
        metadata: mask.has('metadata') ? assessment.metadata : undefined,
      })
      return { assessment: assessmentView(changed) }
    },
  }),
  endpoint({
    method: 'DELETE',
    path: 'traces/{trace_id}/assessments/{assessment_id}',
    version: '3.0',
    needs: 'registry.write',
    doc: 'Deletes an assessment; the one that it replaced counts again.',
    input: one,
    async run({ registry }, input) {
      await registry.assessments.delete(input.trace_id, input.assessment_id)
      return {}
    },
  }),
]
