import { cutTo, printableLine } from './printable.ts'

/** Most characters of a cell: one long name doesn't push all other columns out of sight. --json has all of it. */
const cellMax = 80
/** The last column is in nobody's way. */
const lastCellMax = 500

const isNumeric = (cell: string): boolean => /^-?[\d.,]+%?$/.test(cell)

/** Lays rows out in columns; columns of numbers are aligned right. What steers terminals is escaped. */
export const table = (head: readonly string[], given: readonly (readonly string[])[]): string => {
  const rows = given.map((row) =>
    head.map((_, column) =>
      cutTo(printableLine(row[column] ?? ''), column === head.length - 1 ? lastCellMax : cellMax),
    ),
  )
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)))
  const right = head.map((_, column) => rows.length > 0 && rows.every((row) => isNumeric(row[column] ?? '')))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        right[column] === true ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd()
  return `${[line(head), ...rows.map(line)].join('\n')}\n`
}
