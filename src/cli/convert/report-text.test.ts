import { expect, it } from 'vitest'
import type { Converted, Measured } from './convert-job.ts'
import { reportText } from './report-text.ts'

const total = {
  rows: 400,
  maxAbsolute: 5.96e-8,
  maxRelative: 0.0125,
  beyond: 0,
  labelsAgree: 398,
  ties: 2,
  labelsDiffer: 0,
}

const measured = (bytes: number, oneRowMs: number, value: number): Measured => ({
  bytes,
  oneRowMs,
  batchMs: oneRowMs * 20,
  batchRows: 256,
  metric: { name: 'accuracy', value, original: 0.93 },
  total,
})

const converted: Converted = {
  inputs: 'one tensor of FP64',
  estimator: 'MLPClassifier',
  kind: 'classifier',
  attempts: [],
  groups: [{ name: 'typical', ...total }],
  total,
  opsets: { 'ai.onnx': 21 },
  operators: { MatMul: 2 },
  irVersion: 10,
  signature: {
    inputs: [{ name: 'features', type: 'DOUBLE', shape: [-1, 5] }],
    outputs: [{ name: 'label', type: 'STRING', shape: [-1] }],
  },
  python: '3.11.7',
  packages: {},
}

it('tells what was compared and how far apart the models are', () => {
  expect(reportText(converted, 'models/churn/1/model.onnx')).toBe(
    `MLPClassifier as ONNX (ai.onnx 21): models/churn/1/model.onnx
  takes features FP64[-1,5]
  gives label BYTES[-1]

rows     compared  max difference  relative  labels agree
typical       400  6.0e-8             0.013  398 of 400, 2 ties
all           400  6.0e-8             0.013  398 of 400, 2 ties
`,
  )
})

it('puts a smaller model beside the whole one', () => {
  const quantized = { how: 'int8', before: measured(282_943, 0.0116, 0.93), after: measured(77_823, 0.0118, 0.929) }
  expect(reportText({ ...converted, quantized }, 'm')).toContain(
    `model  size       p50, 1 row  p50, 256 rows  max difference  labels agree        accuracy
ONNX   276.3 KiB  12 µs       232 µs         6.0e-8          398 of 400, 2 ties    0.9300
int8   76.0 KiB   12 µs       236 µs         6.0e-8          398 of 400, 2 ties    0.9290
`,
  )
})

it('tells the number of inputs where they are many', () => {
  const inputs = Array.from({ length: 9 }, (_, index) => ({ name: `c${index}`, type: 'FLOAT', shape: [-1, 1] }))
  const text = reportText({ ...converted, signature: { inputs, outputs: [] } }, 'm')
  expect(text).toContain('takes 9 inputs, one a column\n')
})
