import type { Option } from '../../lib/index.ts'
import { optionTables } from '../options.ts'

/** An option with every name it goes by. */
export interface NamedOption {
  readonly module: string
  readonly name: string
  /** `serving.batch.rowsMax`: the key in slipway.yaml. */
  readonly path: string
  /** `SLIPWAY_SERVING_BATCH_ROWS_MAX`. */
  readonly variable: string
  /** `--serving.batch.rows-max`, and the short one where there is one. */
  readonly flags: readonly string[]
  readonly option: Option
}

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** `serving.batch.rowsMax` → `SLIPWAY_SERVING_BATCH_ROWS_MAX`. */
export const variableOf = (path: string): string => `SLIPWAY_${kebab(path).replace(/[.-]/g, '_').toUpperCase()}`

/** Every option of the server, in the order of the reference. Options of the process itself have no prefix. */
export const optionList: readonly NamedOption[] = Object.entries(optionTables).flatMap(([module, table]) =>
  Object.entries(table as Readonly<Record<string, Option>>).map(([name, option]): NamedOption => {
    const path = module === 'app' ? name : `${module}.${name}`
    const long = `--${kebab(path)}`
    const short = option.flag === undefined ? [] : [`--${option.flag}`]
    return { module, name, path, variable: variableOf(path), flags: [...new Set([...short, long])], option }
  }),
)
