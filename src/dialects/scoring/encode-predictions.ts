import { nullProblem } from '../../serving/index.ts'
import type { Predictions } from '../../serving/index.ts'
import { decodeStrings, encodeJsonElements, TensorError } from '../../tensor/index.ts'
import type { Tensor } from '../../tensor/index.ts'

/** What a model answered, as far as it is written. */
export interface Answered {
  readonly outputs: readonly Tensor[]
  readonly predictions?: Predictions
}

/** The JSON of `predictions`, or why there is none. */
export type Encoded = { readonly text: string } | { readonly reason: string }

export const tensorsWritten = ({ outputs, predictions }: Answered): readonly Tensor[] =>
  predictions?.json === undefined ? outputs : [predictions.json]

export const encodePredictions = ({ outputs, predictions }: Answered): Encoded => {
  const lack = predictions?.json === undefined ? nullProblem(predictions?.nulls ?? []) : undefined
  if (lack !== undefined) return { reason: `its ${lack}` }
  try {
    return { text: (predictions && laidOutText(outputs, predictions)) ?? plainText(outputs) }
  } catch (error) {
    if (error instanceof TensorError) return { reason: `its output '${error.tensor}' is no text: ${error.reason}` }
    throw error
  }
}

/** As the model laid it out; undefined for a form that its tensors don't have. */
const laidOutText = (outputs: readonly Tensor[], { form, names, json }: Predictions): string | undefined => {
  if (json !== undefined) return jsonText(json)
  const [first, second] = outputs
  if (form === 'dict') return objectText(outputs, nestedText)
  if (form === 'array' && first !== undefined && second === undefined) return nestedText(first)
  const columns = columnsOf(outputs)
  if (columns === undefined) return undefined
  if (form === 'rows') return tableText(columns, ['[', ']'])
  const shown = names.length === 0 ? outputs.map(({ name }) => name) : names
  if (form !== 'records' || shown.length !== columns.length) return undefined
  return tableText(columns.map((column, at) => ({ ...column, key: `${JSON.stringify(shown[at])}:` })))
}

/** Written by the host as JSON, all in one or an entry a row. */
const jsonText = (json: Tensor): string => {
  const texts = decodeStrings(json)
  return json.shape.length === 0 ? (texts[0] ?? 'null') : `[${texts.join(',')}]`
}

interface Column {
  /** What is written before a value of it. */
  readonly key: string
  readonly texts: readonly string[]
  /** Where in the texts its first value is, and how far the next ones are from one another. */
  readonly from: number
  readonly step: number
  readonly rows: number
}

/** The columns of outputs with a value a row, or of the one with several; undefined when they are something else. */
const columnsOf = (outputs: readonly Tensor[]): readonly Column[] | undefined => {
  const [first, second] = outputs
  const rows = first?.shape[0]
  if (first === undefined || rows === undefined) return undefined
  if (second === undefined && first.shape.length === 2 && first.shape[1] !== 1) {
    const texts = encodeJsonElements(first)
    const step = first.shape[1] ?? 1
    return Array.from({ length: step }, (_, from) => ({ key: '', texts, from, step, rows }))
  }
  const isColumn = ({ shape }: Tensor): boolean =>
    shape[0] === rows && (shape.length === 1 || (shape.length === 2 && shape[1] === 1))
  if (!outputs.every(isColumn)) return undefined
  return outputs.map((output) => ({ key: '', texts: encodeJsonElements(output), from: 0, step: 1, rows }))
}

/**
 * Those of one output as a list with an entry a row, several as a list of objects, and as an object of lists when they
 * have no rows in common. An output of one value a row gives bare values.
 */
const plainText = (outputs: readonly Tensor[]): string => {
  const [first, second] = outputs
  if (first === undefined) return '[]'
  if (second === undefined) return first.shape.length === 0 ? (encodeJsonElements(first)[0] ?? 'null') : listText(first)
  const rows = first.shape[0]
  if (rows === undefined || !outputs.every((output) => output.shape[0] === rows)) return objectText(outputs, listText)
  return tableText(
    outputs.map((output) => ({
      key: `${JSON.stringify(output.name)}:`,
      texts: rowTexts(output),
      from: 0,
      step: 1,
      rows,
    })),
  )
}

const listText = (output: Tensor): string => `[${rowTexts(output).join(',')}]`

const objectText = (outputs: readonly Tensor[], write: (output: Tensor) => string): string =>
  `{${outputs.map((output) => `${JSON.stringify(output.name)}:${write(output)}`).join(',')}}`

const tableText = (columns: readonly Column[], [open, close]: readonly [string, string] = ['{', '}']): string => {
  const rows = columns[0]?.rows ?? 0
  let text = '['
  for (let row = 0; row < rows; row++) {
    text += row === 0 ? open : `,${open}`
    for (let at = 0; at < columns.length; at++) {
      const column = columns[at]
      if (column === undefined) continue
      text += `${at === 0 ? '' : ','}${column.key}${column.texts[column.from + row * column.step] ?? 'null'}`
    }
    text += close
  }
  return `${text}]`
}

/** By its shape alone. */
const nestedText = (output: Tensor): string => {
  const texts = encodeJsonElements(output)
  const { shape } = output
  if (shape.length === 0) return texts[0] ?? 'null'
  return `[${nested(texts, shape).join(',')}]`
}

/** The text of every row. */
const rowTexts = (output: Tensor): readonly string[] => {
  const texts = encodeJsonElements(output)
  const { shape } = output
  return shape.length === 2 && shape[1] === 1 ? texts : nested(texts, shape)
}

const nested = (elements: readonly string[], shape: readonly number[]): readonly string[] => {
  let texts = elements
  for (let depth = shape.length - 1; depth > 0; depth--)
    texts = grouped(texts, shape[depth] ?? 1, shape.slice(0, depth))
  return texts
}

const grouped = (texts: readonly string[], size: number, outer: readonly number[]): readonly string[] => {
  const groups = outer.reduce((product, dimension) => product * dimension, 1)
  return Array.from({ length: groups }, (_, group) => `[${texts.slice(group * size, (group + 1) * size).join(',')}]`)
}
