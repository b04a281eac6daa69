/** Outcome classes; each maps once to HTTP and once to gRPC (google.rpc.Code). */
export const statusTable = {
  invalid_argument: { http: 400, grpc: 3 },
  not_found: { http: 404, grpc: 5 },
  method_not_allowed: { http: 405, grpc: 12 },
  request_timeout: { http: 408, grpc: 4 },
  conflict: { http: 409, grpc: 10 },
  payload_too_large: { http: 413, grpc: 8 },
  unsupported_media_type: { http: 415, grpc: 3 },
  permission_denied: { http: 403, grpc: 7 },
  overloaded: { http: 429, grpc: 8 },
  resource_exhausted: { http: 429, grpc: 8 },
  cancelled: { http: 499, grpc: 1 },
  internal: { http: 500, grpc: 13 },
  model_error: { http: 500, grpc: 13 },
  unimplemented: { http: 501, grpc: 12 },
  bad_gateway: { http: 502, grpc: 14 },
  unavailable: { http: 503, grpc: 14 },
  deadline_exceeded: { http: 504, grpc: 4 },
  insufficient_storage: { http: 507, grpc: 8 },
} as const

export type Status = keyof typeof statusTable
