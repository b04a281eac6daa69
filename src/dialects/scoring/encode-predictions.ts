import { encodeJsonElements } from '../../tensor/index.ts'
import type { Tensor } from '../../tensor/index.ts'

/**
 * Outputs as the JSON of `predictions`: those of one output as a list with an entry a row, several as a list of
 * objects, and as an object of lists when they have no rows in common. An output of one value a row gives bare values.
 */
export const encodePredictions = (outputs: readonly Tensor[]): string => {
  const [first, second] = outputs
  if (first === undefined) return '[]'
  if (second === undefined) return first.shape.length === 0 ? (encodeJsonElements(first)[0] ?? 'null') : listText(first)
  const rows = first.shape[0]
  if (rows !== undefined && outputs.every((output) => output.shape[0] === rows)) return recordsText(outputs, rows)
  return `{${outputs.map((output) => `${JSON.stringify(output.name)}:${listText(output)}`).join(',')}}`
}

const listText = (output: Tensor): string => `[${rowTexts(output).join(',')}]`

const recordsText = (outputs: readonly Tensor[], rows: number): string => {
  const columns = outputs.map((output) => ({ key: `${JSON.stringify(output.name)}:`, texts: rowTexts(output) }))
  let text = '['
  for (let row = 0; row < rows; row++) {
    text += row === 0 ? '{' : ',{'
    for (let at = 0; at < columns.length; at++) {
      const column = columns[at]
      text += `${at === 0 ? '' : ','}${column?.key ?? ''}${column?.texts[row] ?? 'null'}`
    }
    text += '}'
  }
  return `${text}]`
}

/** The text of every row. */
const rowTexts = (output: Tensor): readonly string[] => {
  let texts: readonly string[] = encodeJsonElements(output)
  const { shape } = output
  if (shape.length === 2 && shape[1] === 1) return texts
  for (let depth = shape.length - 1; depth > 0; depth--)
    texts = grouped(texts, shape[depth] ?? 1, shape.slice(0, depth))
  return texts
}

const grouped = (texts: readonly string[], size: number, outer: readonly number[]): readonly string[] => {
  const groups = outer.reduce((product, dimension) => product * dimension, 1)
  return Array.from({ length: groups }, (_, group) => `[${texts.slice(group * size, (group + 1) * size).join(',')}]`)
}
