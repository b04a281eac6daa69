import { fail } from '../../protocol/index.ts'

const members = ['artifact_path', 'flavors', 'utc_time_created', 'run_id'] as const

/** The MLmodel of a client of MLflow 2 as JSON. Fails when a member is missing that its readers count on. */
export const requireLoggedModelJson = (json: string): Readonly<Record<string, unknown>> => {
  let model: unknown
  try {
    model = JSON.parse(json)
  } catch (error) {
    throw fail('invalid_parameter', { reason: 'Malformed model info. \n model_json is not valid JSON' }, error)
  }
  if (typeof model !== 'object' || model === null || Array.isArray(model))
    throw fail('invalid_parameter', { reason: 'Malformed model info. \n model_json is not a JSON object' })
  const absent = members.filter((member) => !Object.hasOwn(model, member))
  if (absent.length > 0)
    throw fail('invalid_parameter', {
      reason: `Model json is missing mandatory fields: ${absent.map((member) => `'${member}'`).join(', ')}`,
    })
  return model as Readonly<Record<string, unknown>>
}
