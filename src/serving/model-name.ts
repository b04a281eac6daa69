/** Longest name of a model: it becomes a folder, a label and part of a path. */
const nameBytesMax = 255

/**
 * Whether a text may name a model. Names are single path segments: no separators, no control characters, no `.` or
 * `..`, not hidden, so that a name can never lead out of its folder.
 */
export const isModelName = (name: string): boolean =>
  name.length > 0 &&
  Buffer.byteLength(name) <= nameBytesMax &&
  !name.startsWith('.') &&
  // eslint-disable-next-line no-control-regex -- control characters are what must be refused
  !/[/\\\u0000-\u001f\u007f:*?"<>|%]/.test(name)
