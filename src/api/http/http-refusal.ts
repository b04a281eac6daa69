import { AppError, errorRow, fail, statusTable } from '../../protocol/index.ts'
import type { Reply } from '../../protocol/index.ts'

/** A request that breaks HTTP itself, with the status that HTTP has for it. Nothing after it on its connection is read. */
export class HttpRefusal extends AppError {
  readonly httpStatus: number

  constructor(httpStatus: number, { code, details }: AppError) {
    super(code, details)
    this.name = 'HttpRefusal'
    this.httpStatus = httpStatus
  }
}

/** Refuses as a bad request, unless HTTP has a finer status. */
export const refusal = (reason: string, httpStatus = 400): HttpRefusal =>
  new HttpRefusal(httpStatus, fail('invalid_request', { reason }))

export interface HeadLimits {
  readonly headerBytesMax: number
  readonly headerTimeoutMs: number
}

/** What an error of Node's HTTP parser means to the client; undefined for errors of the connection itself. */
export const parserRefusal = (
  error: NodeJS.ErrnoException,
  { headerBytesMax, headerTimeoutMs }: HeadLimits,
): HttpRefusal | undefined => {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return refusal(`the request headers exceed the limit of ${headerBytesMax} bytes`, 431)
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HttpRefusal(408, fail('request_timeout', { limitMs: headerTimeoutMs, option: 'http.headerTimeoutMs' }))
    case 'HPE_PAUSED_H2_UPGRADE':
      return new HttpRefusal(505, fail('unsupported', { what: 'this version of HTTP' }))
    case 'HPE_INVALID_VERSION':
      // Why: a line that ends wrong behind the version has the same code.
      return reasonOf(error).includes('CRLF')
        ? refusal(`this is not valid HTTP${reasonOf(error)}`)
        : new HttpRefusal(505, fail('unsupported', { what: 'this version of HTTP' }))
    default:
      return error.code?.startsWith('HPE_') === true ? refusal(`this is not valid HTTP${reasonOf(error)}`) : undefined
  }
}

const reasonOf = (error: NodeJS.ErrnoException): string =>
  'reason' in error && typeof error.reason === 'string' ? `: ${error.reason}` : ''

/** An error in the shape that every protocol here but MLflow's shares. */
export const errorReply = (error: AppError): Reply => {
  const row = errorRow(error.code)
  const headers: Record<string, string> = { 'slipway-error': error.code }
  if (row.retryAfterMs !== undefined) headers['retry-after'] = String(Math.ceil(row.retryAfterMs / 1000))
  if (error.code === 'method_not_allowed') headers['allow'] = String(error.details['allow'])
  if (error.code === 'unsupported_encoding') headers['accept-encoding'] = 'gzip, deflate'
  return {
    status: error instanceof HttpRefusal ? error.httpStatus : statusTable[error.status].http,
    contentType: 'application/json',
    headers,
    body: JSON.stringify({ error: error.message }),
  }
}
