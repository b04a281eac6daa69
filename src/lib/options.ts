interface Described {
  /** What the option does, one or two sentences for the reference. */
  readonly doc: string
  /** Masked wherever configuration is shown. */
  readonly secret?: boolean
  /** Name of the flag when it is not derived from the option's path. */
  readonly flag?: string
}

/** One option of the server, declared once: type, default, bounds and text; flags, variables, file keys and the reference follow. */
export type Option =
  | (Described & { readonly type: 'string'; readonly default: string })
  | (Described & {
      readonly type: 'integer' | 'number'
      readonly default: number
      readonly min?: number
      readonly max?: number
      readonly unit?: string
    })
  | (Described & { readonly type: 'boolean'; readonly default: boolean })
  /** Milliseconds; written as `250ms`, `10s`, `5m` or `2h`, or as a bare number of milliseconds. */
  | (Described & { readonly type: 'duration'; readonly default: number; readonly min?: number; readonly max?: number })
  /** Bytes; written as `64MiB`, `1GB` and so on, or as a bare number. */
  | (Described & { readonly type: 'bytes'; readonly default: number; readonly min?: number; readonly max?: number })
  | (Described & { readonly type: 'enum'; readonly default: string; readonly values: readonly string[] })
  | (Described & { readonly type: 'list'; readonly default: readonly string[] })

export type OptionValue = string | number | boolean | readonly string[]

/** Options of a module by name; names with dots nest. */
export type OptionTable = Readonly<Record<string, Option>>

type ValueOf<O> = O extends { readonly type: 'enum'; readonly values: readonly (infer V)[] }
  ? V
  : O extends { readonly type: 'string' }
    ? string
    : O extends { readonly type: 'boolean' }
      ? boolean
      : O extends { readonly type: 'list' }
        ? readonly string[]
        : number

/** The values of a table: what a module is given. */
export type OptionValues<T> = { readonly [K in keyof T]: ValueOf<T[K]> }
