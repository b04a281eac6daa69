import { fail } from '../protocol/index.ts'

const segmentBytesMax = 255
const pathBytesMax = 1024
/** A path that still changes after so many decodings was made to deceive. */
const decodingsMax = 10

const refused = (): Error => fail('invalid_path', {})

/** What is left of a text when its percent encoding, and any encoding within, is undone. A lone % stands for itself, as in `50%.txt`. */
export const fullyDecoded = (text: string): string => {
  let decoded = text
  for (let count = 0; count < decodingsMax; count++) {
    let next: string
    try {
      next = decodeURIComponent(decoded.replaceAll(/%(?![0-9a-f]{2})/gi, '%25'))
    } catch {
      // Not UTF-8: overlong forms of `.` and `/` end here.
      throw refused()
    }
    if (next === decoded) return decoded
    decoded = next
  }
  throw refused()
}

/** Forms of `.`, `/` and `\\` in more bytes than they need. */
const overlong = /[\u00c0\u00c1][\u0080-\u00bf]|\u00e0[\u0080-\u009f]|\u00f0[\u0080-\u008f]/

const decodedOnce = (text: string): string =>
  text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (encoded) => {
    const bytes = Buffer.from(encoded.replaceAll('%', ''), 'hex')
    if (overlong.test(bytes.toString('latin1'))) throw refused()
    return bytes.toString('utf8')
  })

// eslint-disable-next-line no-control-regex -- control characters are what is taken out
const controls = /[\u0000-\u001f\u007f]/g

/**
 * Whether a path stays where it is at somebody who decodes it again, however often. What it becomes need not be a path
 * that is taken here: MLflow 2 names images `KEY%step%STEP%timestamp%TIME%UUID`, which holds `%17` and any other byte.
 */
const staysInside = (path: string): boolean => {
  let decoded = path
  for (let count = 0; count < decodingsMax; count++) {
    const next = decodedOnce(decoded)
    if (next === decoded) return true
    const read = next.replaceAll(controls, '').replaceAll('\\', '/')
    if (/^[a-z][a-z0-9+.-]*:/i.test(read)) return false
    // An empty segment is where somebody who takes the path apart finds an absolute one.
    if (read.split('/').some((segment) => ['', '.', '..'].includes(segment))) return false
    decoded = next
  }
  return false
}

// The last one stands for bytes that were no UTF-8.
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const forbidden = /[\u0000-\u001f\u007f\\#?\ufffd]/

const isSafe = (path: string): boolean => {
  if (forbidden.test(path) || path.startsWith('/') || /^[a-z]:/i.test(path)) return false
  if (/^[a-z][a-z0-9+.-]*:/i.test(path)) return false
  return path.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..')
}

/**
 * The canonical form of a path that a caller gives for an artifact: relative, `/` between segments, none of them empty,
 * `.` or `..`, however often they are encoded. `path` is what is left after the URL itself was decoded once. Fails with
 * `invalid_path`.
 */
export const requireArtifactPath = (path: string): string => {
  const trimmed = path.replace(/\/$/, '')
  if (Buffer.byteLength(trimmed) > pathBytesMax || trimmed === '') throw refused()
  // A name may hold a % that encodes nothing; it is only what it could become that must not be dangerous.
  if (!isSafe(trimmed) || !staysInside(trimmed)) throw refused()
  if (trimmed.split('/').some((segment) => Buffer.byteLength(segment) > segmentBytesMax)) throw refused()
  return trimmed
}
