/**
 * Where in the runtime's source something failed, as its messages begin: a path with the whole signature of the
 * function, or a file's name with the function's.
 */
const longPlace = /(?:[A-Za-z]:)?[\\/][^\s:]*\.(?:cc|cpp|cu|cuh|h|hpp|inl):\d+ /
const shortPlace = /\b[\w.-]+\.(?:cc|cpp|cu|cuh|h|hpp|inl):\d+ (?:operator\(\)|[\w~:]+) /g
/** The condition that was checked, in C++; what follows says it in words. */
const condition = /^[^\n]*? was (?:false|true)\. (?=\S)/

/** The codes that colour a terminal begin with ESC. */
const colours = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*[A-Za-z]`, 'g')

/** A model's own names may be of any length. */
const charactersMax = 8000

/**
 * What ONNX Runtime says, in the words that help who called: the operator, the node's name, shapes and values. Places in
 * its source, its paths, tags and colours go.
 */
export const runtimeMessage = (text: string, folder = ''): string => {
  const plain = text
    .slice(0, charactersMax)
    .replace(colours, '')
    .replace(/\s*Stacktrace:[^]*$/, '')
    .replace(/^Load model (?:from .*? )?failed:\s*/, '')
    .replaceAll(folder === '' ? folder : `${folder}/`, '')
    .replace(/\[(?:Shape|Type)InferenceError\]\s*/g, '')
    .replace(/^Node \(([^)]*)\) Op \((\w+)\)\s*/, (_, name: string, op: string) => `${nodeOf(op, name)}: `)
    .replace(
      /Non-zero status code returned while running (\w+) node\. Name:'([^']*)' Status Message: /g,
      (_, op: string, name: string) => `${nodeOf(op, name)}: `,
    )
  return withoutPlaces(plain).replace(/\s+/g, ' ').trim()
}

const nodeOf = (op: string, name: string): string => (name === '' ? op : `${op} '${name}'`)

const withoutPlaces = (text: string): string => {
  const place = longPlace.exec(text)
  if (place === null) return text.replace(shortPlace, '')
  const rest = text.slice(place.index + place[0].length)
  const told = rest.slice(signatureEnd(rest)).trimStart().replace(condition, '')
  return text.slice(0, place.index) + (told === '' ? rest : told)
}

/** Where the signature of a C++ function ends that a text begins with: behind its parameters and what qualifies it. */
const signatureEnd = (text: string): number => {
  let at = text.indexOf('(')
  if (at < 0) return /^\S*::\S*\s/.exec(text)?.[0].length ?? 0
  for (; at < text.length && !/\s/.test(text[at] ?? ''); at++) if (text[at] === '(') at = closing(text, at)
  const qualifiers = /^\s(?:const\b|noexcept\b|\[with [^\]]*\])/
  for (let more = qualifiers.exec(text.slice(at)); more !== null; more = qualifiers.exec(text.slice(at)))
    at += more[0].length
  return at
}

/** The bracket that closes the one at `open`; the end of the text where none does. */
const closing = (text: string, open: number): number => {
  let depth = 0
  for (let at = open; at < text.length; at++) {
    if (text[at] === '(') depth += 1
    else if (text[at] === ')') depth -= 1
    if (depth === 0) return at
  }
  return text.length
}
