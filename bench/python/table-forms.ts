import { sampleValues } from '../infer-request.ts'
import type { WrkRequest } from '../load/wrk.ts'
import type { ServedModel } from '../served-model.ts'

/** Columns of doubles of the bench's pipeline. */
export const columns = ['f0', 'f1', 'f2', 'f3']

interface TableForm {
  /** What a figure calls it. */
  readonly text: string
  request(server: Pick<ServedModel, 'http'>, model: string, rows: number): WrkRequest
}

const inferUrl = (server: Pick<ServedModel, 'http'>, model: string): string => `${server.http}/v2/models/${model}/infer`

const rowsOf = (rows: number): number[][] => Array.from(sampleValues(rows), (value) => columns.map(() => value))

/** The ways in which a table travels. */
export const tableForms = {
  binary: {
    text: 'as binary tensors',
    request(server, model, rows) {
      const values = Float64Array.from(sampleValues(rows))
      const parameters = { binary_data_size: values.byteLength }
      const inputs = columns.map((name) => ({ name, shape: [rows, 1], datatype: 'FP64', parameters }))
      const head = Buffer.from(JSON.stringify({ inputs, parameters: { binary_data_output: true } }))
      return {
        url: inferUrl(server, model),
        headers: {
          'content-type': 'application/octet-stream',
          'inference-header-content-length': String(head.byteLength),
        },
        body: Buffer.concat([head, ...columns.map(() => Buffer.from(values.buffer))]),
      }
    },
  },
  json: {
    text: 'as tensors in JSON',
    request(server, model, rows) {
      const data = [...sampleValues(rows)]
      const inputs = columns.map((name) => ({ name, shape: [rows, 1], datatype: 'FP64', data }))
      return {
        url: inferUrl(server, model),
        headers: { 'content-type': 'application/json' },
        body: Buffer.from(JSON.stringify({ inputs })),
      }
    },
  },
  split: {
    text: 'as dataframe_split at /invocations',
    request(server, _, rows) {
      return {
        url: `${server.http}/invocations`,
        headers: { 'content-type': 'application/json' },
        body: Buffer.from(JSON.stringify({ dataframe_split: { columns, data: rowsOf(rows) } })),
      }
    },
  },
  csv: {
    text: 'as CSV at /invocations',
    request(server, _, rows) {
      const lines = [columns, ...rowsOf(rows)].map((cells) => `${cells.join(',')}\n`)
      return {
        url: `${server.http}/invocations`,
        headers: { 'content-type': 'text/csv' },
        body: Buffer.from(lines.join('')),
      }
    },
  },
} as const satisfies Readonly<Record<string, TableForm>>

export type TableFormName = keyof typeof tableForms

export const tableFormNames = Object.keys(tableForms) as TableFormName[]
