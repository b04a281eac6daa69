import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { median } from './summary.ts'

export interface EngineInput {
  readonly name: string
  readonly shape: readonly number[]
  readonly values: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>
}

export interface EngineOrder {
  readonly inputs: readonly EngineInput[]
  readonly file: string
  readonly runs: number
}

const entry = fileURLToPath(new URL('engine-process.ts', import.meta.url))

/** Median time in milliseconds of one run of an ONNX file in the bare engine; the first tenth of the runs warms it up. */
export const engineTimeMs = async (order: EngineOrder): Promise<number> => {
  const child = fork(entry, { serialization: 'advanced' })
  child.send(order)
  const reply = await Promise.race([
    once(child, 'message') as Promise<[readonly number[]]>,
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the engine's process ended with ${String(code)}`))),
  ])
  return median(reply[0].slice(Math.floor(order.runs / 10)))
}
