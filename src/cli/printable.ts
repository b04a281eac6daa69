/** What would steer a terminal or turn the direction of its text, and what only looks like the end of a line. */
const steering = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/**
 * Text as it may go to a terminal: names come from anybody who may write to the registry. Ends of lines stay; the rest is
 * written as in JSON, so that JSON means the same as before.
 */
export const printable = (text: string): string =>
  text.replaceAll(steering, (character) => (character === '\n' ? character : escaped(character)))

/** The same of something that has one line. */
export const printableLine = (text: string): string =>
  text.replaceAll(steering, (character) => (character === '\n' ? '\\n' : escaped(character)))

/** Cuts a text that is longer, with `…` in place of the rest. */
export const cutTo = (text: string, most: number): string => {
  if (text.length <= most) return text
  // Why: half of a pair of surrogates is no character.
  const end = /[\ud800-\udbff]/.test(text.charAt(most - 2)) ? most - 2 : most - 1
  return `${text.slice(0, end)}…`
}
