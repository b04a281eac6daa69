import { bytesText, millisecondsText } from '../format.ts'
import { table } from '../table.ts'
import type { Comparison, Converted, Measured } from './convert-job.ts'

/** As far as it tells something: two digits. */
const differenceText = (value: number): string =>
  value === 0 ? '0' : value < 0.001 || value >= 1e6 ? value.toExponential(1) : String(Number(value.toPrecision(2)))

/** `398 of 400, 2 ties`. */
const labelsText = ({ rows, labelsAgree, ties = 0 }: Comparison): string =>
  labelsAgree === undefined
    ? ''
    : `${labelsAgree} of ${rows}${ties === 0 ? '' : `, ${ties} ${ties === 1 ? 'tie' : 'ties'}`}`

const comparisonTable = (groups: readonly Comparison[], total: Comparison): string => {
  const labelled = total.labelsAgree !== undefined
  const row = (name: string, each: Comparison): string[] => [
    name,
    String(each.rows),
    differenceText(each.maxAbsolute),
    differenceText(each.maxRelative),
    ...(labelled ? [labelsText(each)] : []),
  ]
  return table(
    ['rows', 'compared', 'max difference', 'relative', ...(labelled ? ['labels agree'] : [])],
    [...groups.map((each) => row(each.name ?? '', each)), row('all', total)],
  )
}

const quantizedTable = (how: string, before: Measured, after: Measured): string => {
  const row = (name: string, each: Measured): string[] => [
    name,
    bytesText(each.bytes),
    millisecondsText(each.oneRowMs),
    millisecondsText(each.batchMs),
    differenceText(each.total.maxAbsolute),
    labelsText(each.total),
    each.metric === undefined ? '' : each.metric.value.toFixed(4),
  ]
  const head = ['model', 'size', 'p50, 1 row', `p50, ${before.batchRows} rows`, 'max difference', 'labels agree']
  return table([...head, before.metric?.name ?? ''], [row('ONNX', before), row(how, after)])
}

/** Types of ONNX under the names that clients use. */
const datatypes: Readonly<Record<string, string>> = {
  FLOAT: 'FP32',
  DOUBLE: 'FP64',
  FLOAT16: 'FP16',
  STRING: 'BYTES',
}

const specsText = (specs: Converted['signature']['inputs']): string =>
  specs.map(({ name, type, shape }) => `${name} ${datatypes[type] ?? type}[${shape.join(',')}]`).join(', ')

/** Inputs that fit a line; tables of many columns are told by their number. */
const specsShown = 6

const inputsText = (inputs: Converted['signature']['inputs']): string =>
  inputs.length > specsShown ? `${inputs.length} inputs, one a column` : specsText(inputs)

/** The report for people. */
export const reportText = (converted: Converted, path: string): string => {
  const { estimator, groups, total, quantized, metric, signature } = converted
  const opsets = Object.entries(converted.opsets)
    .map(([domain, version]) => `${domain} ${version}`)
    .toSorted()
  return [
    `${estimator} as ONNX (${opsets.join(', ')}): ${path}`,
    `  takes ${inputsText(signature.inputs)}`,
    `  gives ${specsText(signature.outputs)}`,
    '',
    comparisonTable(groups, total).trimEnd(),
    ...(metric === undefined
      ? []
      : ['', `${metric.name} ${metric.value.toFixed(4)}, the original's ${metric.original.toFixed(4)}`]),
    ...(quantized === undefined
      ? []
      : ['', quantizedTable(quantized.how, quantized.before, quantized.after).trimEnd()]),
    '',
  ].join('\n')
}
