import { required, text } from './fields.ts'

/** A run's id; older clients call it run_uuid. */
export const runId = {
  fields: { run_id: text, run_uuid: text },
  of: (input: { readonly run_id: string | undefined; readonly run_uuid: string | undefined }): string =>
    required(text).read(input.run_id || input.run_uuid, 'run_id'),
} as const
