/** What one line of a requirements file may be. */
export type Requirement =
  /** Of a package by name: `scikit-learn[extra]>=1.4,<2 ; python_version > "3.9"`. */
  | { readonly kind: 'package'; readonly name: string; readonly line: string }
  /** Of a file that came with the model: `code/rates-1.0-py3-none-any.whl`. */
  | { readonly kind: 'file'; readonly path: string }

const linesMax = 2000
const lineCharactersMax = 500

const name = String.raw`[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?`
const version = String.raw`(?:===|==|~=|!=|<=|>=|<|>)\s*[A-Za-z0-9.*+!_-]+`
const versions = String.raw`\(?\s*(?:${version}(?:\s*,\s*${version})*)?\s*,?\s*\)?`
/** Comparisons of variables and quoted texts; no quote within a text, and nothing that pip reads as an option. */
const marker = String.raw`;[A-Za-z0-9_.\s()<>=!~"',*+-]*(?:[<>=]=?|\bin)\s*["'][A-Za-z0-9_.\s*+-]*["'][A-Za-z0-9_.\s()<>=!~"',*+-]*`
const packageLine = new RegExp(
  String.raw`^(${name})\s*(?:\[\s*${name}(?:\s*,\s*${name})*\s*\])?\s*${versions}\s*(?:${marker})?$`,
)
const hashes = /\s+--hash=sha(?:256|384|512):[0-9a-f]{64,128}\b/g
const fileLine = /^(?:\.\/)?((?:code|wheels)\/[A-Za-z0-9][\w.+/-]*\.whl)$/

/**
 * Reads the lines of a requirements file that came with a model. Only packages by name are taken, and files of the
 * model's own: options, URLs, paths and editable installs could make the installer read or reach what the operator
 * didn't choose, and what isn't a wheel is built by code of its own. Throws what `refused` makes of the reason for the
 * first that is something else.
 */
export const readRequirements = (text: string, refused: (reason: string) => Error): Requirement[] => {
  const lines = joinedLines(text)
  if (lines.length > linesMax) throw refused(`there are ${lines.length} of them; the limit is ${linesMax}`)
  return lines.map((line) => {
    const found = readRequirement(line)
    if (typeof found === 'string') throw refused(`${JSON.stringify(line.slice(0, 100))} ${found}`)
    return found
  })
}

/** Lines without comments, continued ones joined, empty ones left out. */
const joinedLines = (text: string): string[] =>
  text
    .replace(/^\uFEFF/, '')
    .replace(/\\\r?\n/g, ' ')
    .split(/\r?\n/)
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter((line) => line !== '')

/** The requirement, or what is wrong with it. */
const readRequirement = (line: string): Requirement | string => {
  if (line.length > lineCharactersMax) return 'is too long'
  if (line.startsWith('-')) return 'is an option of the installer'
  const file = fileLine.exec(line)?.[1]
  if (file !== undefined && !file.split('/').includes('..')) return { kind: 'file', path: file }
  const found = packageLine.exec(line.replace(hashes, ''))
  if (found?.[1] === undefined || looksLikePath(line) || /\s-/.test(line.replace(hashes, '')))
    return 'does not name a package with its versions'
  return { kind: 'package', name: normalName(found[1]), line }
}

/** The installer takes a name that ends like an archive for a file of the working directory. */
const looksLikePath = (line: string): boolean => /^[^;<>=!~[\s(]*\.(?:zip|whl|tar|tgz|gz|bz2|xz)$/i.test(line)

/** Names are equal when these are (PEP 503). */
export const normalName = (text: string): string => text.toLowerCase().replace(/[-_.]+/g, '-')
