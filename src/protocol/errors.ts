import type { Status } from './status.ts'

export interface ErrorRow {
  readonly status: Status
  /** What happened, to the caller; {names} are filled from the details. */
  readonly text: string
  /** What to do about it, to the operator or the caller. */
  readonly hint: string
  /** When set, the reply carries Retry-After. */
  readonly retryAfterMs?: number
  /** Who has to act: counts errors by category in the metrics. */
  readonly category: 'client' | 'model' | 'infrastructure'
}

/** Every expected failure of the server. docs/reference/errors.md is generated from this table. */
export const errorTable = {
  invalid_request: {
    status: 'invalid_argument',
    text: '{reason}',
    hint: 'Correct the request; the sentence says which part of it is wrong.',
    category: 'client',
  },
  invalid_json: {
    status: 'invalid_argument',
    text: 'failed to parse the request JSON: {reason}',
    hint: 'Send one JSON object in UTF-8; NaN, Infinity and -Infinity are accepted as numbers.',
    category: 'client',
  },
  invalid_tensor: {
    status: 'invalid_argument',
    text: "tensor '{tensor}': {reason}",
    hint: 'Compare shape, datatype and number of values with the model metadata (GET /v2/models/NAME).',
    category: 'client',
  },
  request_timeout: {
    status: 'request_timeout',
    text: 'the request did not arrive within {limitMs} ms, the limit of {option}',
    hint: 'Send faster, or raise the option that the sentence names: each door has its own.',
    category: 'client',
  },
  payload_too_large: {
    status: 'payload_too_large',
    text: '{what} exceeds the limit of {limitBytes} bytes',
    hint: 'Send smaller requests, or raise the limit named in the sentence (slipway config docs).',
    category: 'client',
  },
  unsupported_encoding: {
    status: 'unsupported_media_type',
    text: "content encoding '{encoding}' is not supported",
    hint: 'Use gzip, deflate or no compression.',
    category: 'client',
  },
  unsupported_media_type: {
    status: 'unsupported_media_type',
    text: "content type '{type}' is not supported here",
    hint: 'Send application/json, or application/octet-stream with the binary tensor extension.',
    category: 'client',
  },
  route_not_found: {
    status: 'not_found',
    text: 'Not Found: {method} {path}',
    hint: 'The reference lists every path: docs/reference.',
    category: 'client',
  },
  service_unknown: {
    status: 'not_found',
    text: "there is no gRPC service '{service}'",
    hint: 'gRPC reflection lists the services.',
    category: 'client',
  },
  method_not_allowed: {
    status: 'method_not_allowed',
    text: '{method} is not allowed on {path}; allowed: {allow}',
    hint: 'Use one of the methods in the Allow header.',
    category: 'client',
  },
  forbidden_host: {
    status: 'permission_denied',
    text: "requests with Host '{host}' are refused",
    hint: 'Call the server by the address it listens on, or list the name in http.allowedHosts.',
    category: 'client',
  },
  forbidden_origin: {
    status: 'permission_denied',
    text: "requests from the web origin '{origin}' are refused",
    hint: 'Browsers on other sites may not call this server.',
    category: 'client',
  },
  model_not_found: {
    status: 'not_found',
    text: "Request for unknown model: '{model}' is not found",
    hint: 'slipway models lists what is served; POST /v2/repository/index lists what could be loaded.',
    category: 'client',
  },
  version_not_found: {
    status: 'not_found',
    text: "Request for unknown model: '{model}' version {version} is not found",
    hint: 'slipway models show NAME lists the versions and their state.',
    category: 'client',
  },
  model_not_ready: {
    status: 'unavailable',
    text: "model '{model}' is not ready: {reason}",
    hint: 'The reason is also in the log and in slipway models show NAME.',
    retryAfterMs: 1000,
    category: 'infrastructure',
  },
  model_unavailable: {
    status: 'unavailable',
    text: "model '{model}' is not ready: {reason}",
    hint: 'It stays so until it is loaded again or changed. The reason is also in the log and in slipway models show NAME.',
    category: 'infrastructure',
  },
  load_failed: {
    status: 'invalid_argument',
    text: "failed to load '{model}': {reason}",
    hint: 'Mend the model files or the configuration; versions that were serving still serve.',
    category: 'model',
  },
  model_file_refused: {
    status: 'invalid_argument',
    text: "failed to load '{model}': {reason}",
    hint: 'The file was checked before load and is damaged, hostile or unsupported.',
    category: 'model',
  },
  config_invalid: {
    status: 'invalid_argument',
    text: "failed to load '{model}': {reason}",
    hint: 'Correct config.pbtxt (or the config parameter of the load request).',
    category: 'client',
  },
  memory_budget_exceeded: {
    status: 'resource_exhausted',
    text: "failed to load '{model}': it needs {neededBytes} bytes and the memory budget of {budgetBytes} bytes is taken by models in use",
    hint: 'Unload a model or raise serving.memory.budgetBytes.',
    retryAfterMs: 1000,
    category: 'infrastructure',
  },
  queue_full: {
    status: 'overloaded',
    text: "model '{model}': Exceeds maximum queue size, {depth} requests are waiting",
    hint: 'Send fewer requests at once, add instances, or raise the queue bound of the model.',
    retryAfterMs: 250,
    category: 'infrastructure',
  },
  work_queue_full: {
    status: 'overloaded',
    text: '{waiting} large bodies wait to be read or written already, {waitingBytes} bytes in all',
    hint: 'Send fewer large requests at once, or their tensors in binary.',
    retryAfterMs: 250,
    category: 'infrastructure',
  },
  queue_timeout: {
    status: 'unavailable',
    text: "model '{model}': Request timeout expired after {waitedMs} ms in the queue",
    hint: 'The queue policy of the model (default_timeout_microseconds), or the parameter timeout of the request where the policy has allow_timeout_override, rejects requests that wait this long.',
    retryAfterMs: 250,
    category: 'infrastructure',
  },
  deadline_exceeded: {
    status: 'deadline_exceeded',
    text: "model '{model}': out of time after {elapsedMs} ms ({where})",
    hint: 'Allow more time (the header slipway-timeout-ms, the deadline of a gRPC call, else serving.deadline.defaultMs), or make the model faster.',
    category: 'infrastructure',
  },
  cancelled: {
    status: 'cancelled',
    text: 'the client left before the answer was ready',
    hint: 'Nothing to do; counted so that aborts can be seen.',
    category: 'client',
  },
  model_failed: {
    status: 'model_error',
    text: "model '{model}' failed: {reason}",
    hint: 'The engine refused this input or the model raised an error.',
    category: 'model',
  },
  input_refused: {
    status: 'invalid_argument',
    text: "model '{model}' can't take this input: {reason}",
    hint: 'Compare the values and shapes with what the model was trained on.',
    category: 'client',
  },
  host_crashed: {
    status: 'bad_gateway',
    text: "model '{model}': its host stopped during the run ({reason})",
    hint: 'The host is restarted; after three crashes a minute the version is quarantined.',
    retryAfterMs: 1000,
    category: 'model',
  },
  shutting_down: {
    status: 'unavailable',
    text: 'the server is shutting down',
    hint: 'Send the request to another replica.',
    retryAfterMs: 1000,
    category: 'infrastructure',
  },
  server_busy: {
    status: 'overloaded',
    text: 'the server holds as much as it may of {what}',
    hint: 'Send fewer or smaller requests at once, or raise the option where the sentence names one.',
    retryAfterMs: 1000,
    category: 'infrastructure',
  },
  unsupported: {
    status: 'unimplemented',
    text: '{what} is not supported',
    hint: 'docs/reference lists what this server speaks.',
    category: 'client',
  },
  permission_denied: {
    status: 'permission_denied',
    text: 'this needs the permission {permission}',
    hint: 'Use a key whose role has the permission.',
    category: 'client',
  },
  conflict: {
    status: 'conflict',
    text: '{reason}',
    hint: 'Another change came first; read the current state and try again.',
    category: 'client',
  },
  invalid_parameter: {
    status: 'invalid_argument',
    text: '{reason}',
    hint: 'Correct the parameter that the sentence names.',
    category: 'client',
  },
  resource_missing: {
    status: 'not_found',
    text: '{reason}',
    hint: 'List what is there: slipway experiments, slipway runs, slipway models.',
    category: 'client',
  },
  resource_exists: {
    status: 'conflict',
    text: '{reason}',
    hint: 'Choose another name, or use the one that is there.',
    category: 'client',
  },
  artifact_sealed: {
    status: 'conflict',
    text: "the files below '{path}' belong to a registered model version and can't change",
    hint: 'Log the change as a new model and register that as the next version.',
    category: 'client',
  },
  promotion_refused: {
    status: 'conflict',
    text: '{what} is refused: {reason}',
    hint: "Meet what the sentence names, or change the model's promotion policy; a dry run tells the same beforehand.",
    category: 'client',
  },
  candidate_failed: {
    status: 'conflict',
    text: "version {version} can't take over '{model}': {reason}",
    hint: 'Mend the model and register it as the next version; the version that serves goes on.',
    category: 'model',
  },
  not_servable: {
    status: 'conflict',
    text: "{what} can't be served: {reason}",
    hint: 'Register the model with its files in the artifacts of this server (the default of mlflow), then deploy that version.',
    category: 'client',
  },
  signature_refused: {
    status: 'conflict',
    text: "registering '{model}' is refused: {reason}",
    hint: 'Sign the files with a trusted key (OpenSSF model signing), put model.sig beside them and register them again.',
    category: 'client',
  },
  version_in_use: {
    status: 'conflict',
    text: "version {version} of '{model}' is in use and can't be deleted: {what}",
    hint: 'Move those who use it to another version first.',
    category: 'client',
  },
  digest_mismatch: {
    status: 'invalid_argument',
    text: 'the bytes have the SHA-256 {actual}, not {expected}',
    hint: 'Send the file again; it changed on the way.',
    category: 'client',
  },
  artifact_missing: {
    status: 'not_found',
    text: "there is no artifact '{path}'",
    hint: 'List the folder above it.',
    category: 'client',
  },
  artifact_swept: {
    status: 'unavailable',
    text: "the bytes of '{path}' were there unused and were removed while they came again",
    hint: 'Send the file once more.',
    retryAfterMs: 1000,
    category: 'infrastructure',
  },
  being_purged: {
    status: 'conflict',
    text: '{what} was deleted and is being removed for good',
    hint: 'What garbage collection has begun to remove can not be used or restored.',
    category: 'client',
  },
  invalid_path: {
    status: 'invalid_argument',
    text: 'Invalid path',
    hint: 'Paths of artifacts are relative, with / between segments, and have no . or .. among them, however encoded.',
    category: 'client',
  },
  database_unavailable: {
    status: 'unavailable',
    text: 'the database can not be used now: {reason}',
    hint: 'Check the database; models that are loaded serve on meanwhile.',
    retryAfterMs: 1000,
    category: 'infrastructure',
  },
  storage_full: {
    status: 'insufficient_storage',
    text: 'no space left to write {what}',
    hint: 'Free space on the data directory; serving goes on meanwhile.',
    retryAfterMs: 5000,
    category: 'infrastructure',
  },
  storage_unavailable: {
    status: 'unavailable',
    text: 'the storage of artifacts can not be used now: {reason}',
    hint: 'Check that the bucket can be reached and that this server may use it; models that are loaded serve on meanwhile.',
    retryAfterMs: 1000,
    category: 'infrastructure',
  },
  internal: {
    status: 'internal',
    text: 'internal error; the log has the details under request id {requestId}',
    hint: 'This is a fault of the server: please report it with the log line.',
    category: 'infrastructure',
  },
} as const

void (errorTable satisfies Record<string, ErrorRow>)

export type ErrorCode = keyof typeof errorTable

type Names<T extends string> = T extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never
/** The values that the text of an error names. */
export type ErrorDetails<C extends ErrorCode> = Record<Names<(typeof errorTable)[C]['text']>, string | number>

/** An expected failure: one row of the error table with its details. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly status: Status
  readonly details: Readonly<Record<string, string | number>>

  constructor(code: ErrorCode, details: Readonly<Record<string, string | number>>, cause?: unknown) {
    super(fillText(errorTable[code].text, details), cause === undefined ? undefined : { cause })
    this.name = 'AppError'
    this.code = code
    this.status = errorTable[code].status
    this.details = details
  }
}

const fillText = (text: string, details: Readonly<Record<string, string | number>>): string =>
  text.replace(/\{(\w+)\}/g, (_, name: string) => shown(name, String(details[name] ?? `{${name}}`)))

/** Details that are sentences of the server's own, around what callers sent. */
const sentences: ReadonlySet<string> = new Set(['reason', 'what', 'where'])
const nameLengthMax = 100
const sentenceLengthMax = 4000

/** Control characters and those that turn the direction of writing: they make a line read as what it is not. */
// oxlint-disable-next-line no-control-regex -- these are the characters to find
const deceptive = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** A detail as a message shows it: cut, and with deceptive characters escaped; sentences keep their lines. */
const shown = (name: string, value: string): string => {
  const isSentence = sentences.has(name)
  const lengthMax = isSentence ? sentenceLengthMax : nameLengthMax
  const cut = value.length > lengthMax ? `${value.slice(0, lengthMax).replace(/[\ud800-\udbff]$/, '')}…` : value
  return cut.replace(deceptive, (character) =>
    isSentence && (character === '\n' || character === '\t')
      ? character
      : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Makes the error of one table row; throw it or return it as a value. */
export const fail = <C extends ErrorCode>(code: C, details: ErrorDetails<C>, cause?: unknown): AppError =>
  new AppError(code, details, cause)

export const errorRow = (code: ErrorCode): ErrorRow => errorTable[code]
