import type { JsonValue } from '../../tensor/index.ts'
import type { Cell } from './cells.ts'

export type JsonObject = { readonly [key: string]: JsonValue }

/** Reads the cell of a row. */
export type ColumnReader = (row: number) => Cell

/** A table as a request carries it, whatever way it is written. */
export interface Frame {
  readonly rows: number
  /** Names of its columns; undefined when it has none. */
  names(): readonly string[] | undefined
  has(name: string): boolean
  /** The column of that name, which the table has. */
  column(name: string): ColumnReader
  /** The columns in their order. */
  columns(): readonly ColumnReader[]
}

export const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A value of the object itself: names like `constructor` and `__proto__` are columns like any other. */
export const own = (object: JsonObject, key: string): JsonValue | undefined =>
  Object.hasOwn(object, key) ? object[key] : undefined

/** Rows as lists, all as long as there are columns; rows of one column may be bare values. */
export class ListFrame implements Frame {
  readonly rows: number
  readonly #names: readonly string[] | undefined
  readonly #positions: ReadonlyMap<string, number>
  readonly #data: readonly JsonValue[]
  readonly #width: number

  constructor(names: readonly string[] | undefined, data: readonly JsonValue[], width: number) {
    this.rows = data.length
    this.#names = names
    this.#positions = new Map(names?.map((name, position) => [name, position]))
    this.#data = data
    this.#width = width
  }

  names(): readonly string[] | undefined {
    return this.#names
  }

  has(name: string): boolean {
    return this.#positions.has(name)
  }

  column(name: string): ColumnReader {
    return this.#at(this.#positions.get(name) ?? -1)
  }

  columns(): readonly ColumnReader[] {
    return Array.from({ length: this.#width }, (_, position) => this.#at(position))
  }

  #at(position: number): ColumnReader {
    const data = this.#data
    return (row) => {
      const cells = data[row]
      return Array.isArray(cells) ? cells[position] : cells
    }
  }
}

/** Rows as objects, each with the columns it likes. */
export class RecordFrame implements Frame {
  readonly rows: number
  readonly #records: readonly JsonObject[]
  #known: ReadonlySet<string> | undefined

  constructor(records: readonly JsonObject[]) {
    this.rows = records.length
    this.#records = records
  }

  names(): readonly string[] {
    return [...this.#names()]
  }

  has(name: string): boolean {
    // Why: the first record nearly always has every column.
    const [first] = this.#records
    return (first !== undefined && Object.hasOwn(first, name)) || this.#names().has(name)
  }

  #names(): ReadonlySet<string> {
    if (this.#known !== undefined) return this.#known
    const names = new Set<string>()
    for (const record of this.#records) for (const name of Object.keys(record)) names.add(name)
    this.#known = names
    return names
  }

  column(name: string): ColumnReader {
    const records = this.#records
    if (name in Object.prototype) return (row) => own(records[row] ?? {}, name)
    return (row) => records[row]?.[name]
  }

  columns(): readonly ColumnReader[] {
    return this.names().map((name) => this.column(name))
  }
}

/** Columns as lists, all of one length. */
export class ColumnFrame implements Frame {
  readonly rows: number
  readonly #lists: ReadonlyMap<string, readonly JsonValue[]>

  constructor(lists: ReadonlyMap<string, readonly JsonValue[]>, rows: number) {
    this.rows = rows
    this.#lists = lists
  }

  names(): readonly string[] {
    return [...this.#lists.keys()]
  }

  has(name: string): boolean {
    return this.#lists.has(name)
  }

  column(name: string): ColumnReader {
    const list = this.#lists.get(name) ?? []
    return (row) => list[row]
  }

  columns(): readonly ColumnReader[] {
    return this.names().map((name) => this.column(name))
  }
}
