/** What ends a whole connection; its code goes out in a GOAWAY (RFC 9113, section 5.4.1). */
export class ConnectionError extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.name = 'ConnectionError'
    this.code = code
  }
}
