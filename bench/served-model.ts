/** A server under test with its doors. */
export interface ServedModel extends AsyncDisposable {
  readonly name: string
  /** `http://host:port`, without a slash at the end. */
  readonly http: string
  /** `host:port`. */
  readonly grpc: string
  readonly pid: number
}
