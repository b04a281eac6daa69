/** The server refused; `code` is Slipway's name for the reason (see the reference of errors). */
export class SlipwayError extends Error {
  override name = 'SlipwayError'
  readonly code: string
  /** Status of HTTP. */
  readonly status: number

  constructor(message: string, { code, status }: { readonly code: string; readonly status: number }) {
    super(message)
    this.code = code
    this.status = status
  }
}
