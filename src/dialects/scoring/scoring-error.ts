import type { AppError, ErrorCode, Reply } from '../../protocol/index.ts'
import { HostRefusal } from '../../serving/index.ts'
import { mlflowError } from '../mlflow/index.ts'

/** What MLflow's scoring server calls BAD_REQUEST where its other APIs have a finer name. */
const badRequests: ReadonlySet<ErrorCode> = new Set(['invalid_request', 'invalid_json', 'input_refused'])

/** An error in the shape of MLflow's scoring server. */
export const scoringError = (error: AppError): Reply => {
  const reply = mlflowError(error)
  return badRequests.has(error.code) && !isBySignature(error)
    ? { ...reply, body: JSON.stringify({ error_code: 'BAD_REQUEST', message: error.message }) }
    : reply
}

/** What MLflow's enforcement of signatures refuses has the name that its other APIs have for it. */
const isBySignature = ({ cause }: AppError): boolean => cause instanceof HostRefusal && cause.bySignature
