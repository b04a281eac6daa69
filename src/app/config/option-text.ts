import type { NamedOption } from './option-list.ts'

/** What stands for the value of an option in the help: `PORT`, `none|poll`; empty for switches. */
export const placeholderOf = ({ flags, option }: NamedOption): string => {
  switch (option.type) {
    case 'boolean':
      return ''
    case 'enum':
      return option.values.filter((value) => value !== '').join('|')
    case 'duration':
      return 'DURATION'
    case 'bytes':
      return 'SIZE'
    default:
      // The short flag's last word says what it takes: --data-dir DIR, --grpc-port PORT.
      return flags[0]?.split(/[.-]/).at(-1)?.toUpperCase() ?? ''
  }
}

/** The default as it would be written; empty when it is empty. */
export const defaultText = ({ option }: NamedOption): string => {
  if (Array.isArray(option.default)) return option.default.join(', ')
  if (option.type === 'bytes') return bytesText(option.default)
  if (option.type === 'duration')
    return option.default % 1000 === 0 ? `${option.default / 1000}s` : `${option.default}ms`
  return String(option.default)
}

const bytesText = (bytes: number): string => {
  const units = ['GiB', 'MiB', 'KiB']
  const sizes = [1024 ** 3, 1024 ** 2, 1024]
  const at = sizes.findIndex((size) => bytes > 0 && bytes % size === 0)
  return at < 0 ? String(bytes) : `${bytes / (sizes[at] ?? 1)}${units[at]}`
}
