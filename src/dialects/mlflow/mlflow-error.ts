import type { AppError, ErrorShape, Reply, Status } from '../../protocol/index.ts'
import { errorRow } from '../../protocol/index.ts'

interface ErrorName {
  readonly name: string
  readonly http: number
}

/** MLflow's names for outcomes, with the HTTP statuses that its clients expect of them. */
const byStatus: Readonly<Record<Status, ErrorName>> = {
  invalid_argument: { name: 'INVALID_PARAMETER_VALUE', http: 400 },
  not_found: { name: 'RESOURCE_DOES_NOT_EXIST', http: 404 },
  method_not_allowed: { name: 'BAD_REQUEST', http: 405 },
  request_timeout: { name: 'BAD_REQUEST', http: 400 },
  conflict: { name: 'RESOURCE_CONFLICT', http: 409 },
  payload_too_large: { name: 'BAD_REQUEST', http: 413 },
  unsupported_media_type: { name: 'INVALID_PARAMETER_VALUE', http: 400 },
  permission_denied: { name: 'PERMISSION_DENIED', http: 403 },
  overloaded: { name: 'REQUEST_LIMIT_EXCEEDED', http: 429 },
  resource_exhausted: { name: 'RESOURCE_EXHAUSTED', http: 429 },
  cancelled: { name: 'CANCELLED', http: 499 },
  internal: { name: 'INTERNAL_ERROR', http: 500 },
  model_error: { name: 'INTERNAL_ERROR', http: 500 },
  unimplemented: { name: 'NOT_IMPLEMENTED', http: 501 },
  bad_gateway: { name: 'TEMPORARILY_UNAVAILABLE', http: 503 },
  unavailable: { name: 'TEMPORARILY_UNAVAILABLE', http: 503 },
  deadline_exceeded: { name: 'DEADLINE_EXCEEDED', http: 504 },
  insufficient_storage: { name: 'RESOURCE_EXHAUSTED', http: 507 },
}

/** Clients take this for "somebody was first" and go on; a 409 they raise. */
const exists: ErrorName = { name: 'RESOURCE_ALREADY_EXISTS', http: 400 }
/** Clients try an older path when they hear this. */
const noRoute: ErrorName = { name: 'ENDPOINT_NOT_FOUND', http: 404 }

const nameOf = (error: AppError): ErrorName => {
  if (error.code === 'resource_exists') return exists
  return error.code === 'route_not_found' ? noRoute : byStatus[error.status]
}

/** An error in MLflow's shape. */
export const mlflowError = (error: AppError): Reply => {
  const { name, http } = nameOf(error)
  const { retryAfterMs } = errorRow(error.code)
  return {
    status: http,
    contentType: 'application/json',
    headers: {
      'slipway-error': error.code,
      ...(retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) }),
    },
    body: JSON.stringify({ error_code: name, message: error.message }),
  }
}

const prefixes = [
  ...['/api', '/ajax-api'].flatMap((root) => [
    `${root}/2.0/mlflow`,
    `${root}/3.0/mlflow`,
    `${root}/2.0/mlflow-artifacts`,
  ]),
  '/ajax-api',
  '/get-artifact',
  '/model-versions/get-artifact',
]

/** Below MLflow's paths every error is in MLflow's shape, wherever it comes up. */
export const mlflowErrorShapes: readonly ErrorShape[] = prefixes.map((prefix) => ({ prefix, reply: mlflowError }))
