import { didYouMean } from '../../lib/index.ts'

/** Most problems that are told at once. */
const problemsMax = 20

type Fields = Readonly<Record<string, unknown>>

/** Collects what is wrong with a document, each with its path, so that all of it is told at once. */
export class Problems {
  readonly #all: string[] = []

  get all(): readonly string[] {
    return this.#all
  }

  add(path: string, problem: string): undefined {
    if (this.#all.length < problemsMax) this.#all.push(`${path}: ${problem}`)
    return undefined
  }

  /** The entries of an object. */
  entries(value: unknown, path: string): [string, unknown][] | undefined {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return Object.entries(value)
    return this.add(path, 'must be an object')
  }

  /** The fields of an object that may have these and no others. */
  fields(value: unknown, path: string, known: readonly string[]): Fields | undefined {
    const entries = this.entries(value, path)
    if (entries === undefined) return undefined
    for (const [key] of entries)
      if (!known.includes(key)) this.add(`${path}.${key}`, `is not known${didYouMean(key, known)}`)
    return Object.fromEntries(entries.filter(([key]) => known.includes(key)))
  }

  /** A text of 1 to `lengthMax` characters. */
  text(value: unknown, path: string, lengthMax: number): string | undefined {
    if (typeof value === 'string' && value !== '' && value.length <= lengthMax) return value
    return this.add(path, `must be a text of 1 to ${lengthMax} characters`)
  }

  number(value: unknown, path: string): number | undefined {
    if (typeof value === 'number' && Number.isFinite(value)) return value
    return this.add(path, 'must be a number')
  }

  /** One of the values. */
  oneOf<T extends string>(value: unknown, path: string, values: readonly T[]): T | undefined {
    const found = values.find((known) => known === value)
    return found ?? this.add(path, `must be one of ${values.join(', ')}`)
  }
}
