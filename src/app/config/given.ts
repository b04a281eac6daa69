/** A value as one of the sources gave it. */
export interface Given {
  /** Path of the option, e.g. `http.port`. */
  readonly path: string
  readonly raw: unknown
  /** Where it stands, for messages: `slipway.yaml:3: http.port`, `SLIPWAY_HTTP_PORT`, `--port`. */
  readonly source: string
}

/** What a source gave, and what in it could not be understood. */
export interface GivenValues {
  readonly values: readonly Given[]
  readonly problems: readonly string[]
}
