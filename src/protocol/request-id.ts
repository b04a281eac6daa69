/** The header of HTTP, and the metadata of gRPC, in which a client names its request. */
export const requestIdField = 'x-request-id'

const echoed = /^[\x21-\x7e]{1,128}$/

/** The id that an answer carries back: as the client gave it; undefined for one that isn't plain text of a sane length. */
export const echoedId = (given: string | readonly string[] | undefined): string | undefined =>
  typeof given === 'string' && echoed.test(given) ? given : undefined
