/** One measured number. */
export interface Figure {
  /** `scenario.what`, by which targets name it. */
  readonly id: string
  readonly text: string
  readonly unit: string
  readonly value: number
  /** How it came about: the other server's value, the spread of the rounds, what was set. */
  readonly note?: string
  /** What it must reach, when that is measured too; otherwise its id is looked up among the targets. */
  readonly target?: Target
}

/** What a figure must reach. */
export interface Target {
  readonly is: '>=' | '<=' | '<'
  readonly bound: number
}

export type Targets = Readonly<Record<string, Target>>

/** The middle value; of an even number of values the mean of the two in the middle. Throws without values. */
export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)]
  const lower = sorted[Math.ceil(sorted.length / 2) - 1]
  if (upper === undefined || lower === undefined) throw new RangeError('no values have no median')
  return (lower + upper) / 2
}

/** `ours` as a multiple of `theirs`; throws when there is nothing to compare with. */
export const ratio = (ours: number, theirs: number): number => {
  if (!(theirs > 0)) throw new RangeError(`no ratio to ${theirs}`)
  return ours / theirs
}

/** Whether a target is met; a figure that is not a number meets none. */
export const meets = (value: number, { is, bound }: Target): boolean => {
  if (is === '>=') return value >= bound
  return is === '<=' ? value <= bound : value < bound
}

/** The figures that miss their target. */
export const misses = (figures: readonly Figure[], targets: Targets): Figure[] =>
  figures.filter((figure) => {
    const target = targetOf(figure, targets)
    return target !== undefined && !meets(figure.value, target)
  })

const targetOf = ({ id, target }: Figure, targets: Targets): Target | undefined => target ?? targets[id]

/** Four significant digits, and whole numbers above that. */
export const numberText = (value: number): string =>
  Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(4)))

/** The rounds behind a median, for a note. */
export const roundsText = (values: readonly number[]): string => `rounds ${values.map(numberText).join(', ')}`

const targetText = (figure: Figure, target: Target | undefined): [string, string] =>
  target === undefined
    ? ['', '']
    : [`${target.is} ${numberText(target.bound)}`, meets(figure.value, target) ? 'met' : 'missed']

/** A table in Markdown, aligned so that it reads well as plain text too. */
export const figureTable = (figures: readonly Figure[], targets: Targets): string => {
  const rows = [
    ['figure', 'value', 'unit', 'target', '', 'note'],
    ...figures.map((figure) => [
      figure.text,
      numberText(figure.value),
      figure.unit,
      ...targetText(figure, targetOf(figure, targets)),
      figure.note ?? '',
    ]),
  ]
  const widths = (rows[0] ?? []).map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const [head = [], ...body] = rows
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n')
}
