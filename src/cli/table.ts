const isNumeric = (cell: string): boolean => /^-?[\d.,]+%?$/.test(cell)

/** Lays rows out in columns; columns of numbers are aligned right. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
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
