/** A search request that can't be understood or is over a limit: the caller's mistake, never the server's. */
export class SearchError extends Error {
  override name = 'SearchError'
}

const partLengthMax = 100

/** A part of the caller's text as a message may show it: short enough for a log line. */
export function shown(part: string): string {
  return part.length <= partLengthMax ? part : `${part.slice(0, partLengthMax)}…`
}
