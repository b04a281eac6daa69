import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { LoadOrder } from './load-order.ts'
import { measuredLoadFromData } from './measured-load.ts'
import type { MeasuredLoad, MeasuredLoadData } from './measured-load.ts'

const entry = fileURLToPath(new URL('load-process.ts', import.meta.url))

/** Load under way in a process of its own. */
export interface RunningLoad {
  readonly result: Promise<MeasuredLoad>
  /** Ends it early; the result covers what was sent until then. */
  stop(): void
}

export const startLoad = (order: LoadOrder): RunningLoad => {
  // `advanced` carries request bodies as bytes.
  const child = fork(entry, { serialization: 'advanced' })
  const result = new Promise<MeasuredLoad>((resolve, reject) => {
    child.once('message', (data) => resolve(measuredLoadFromData(data as MeasuredLoadData)))
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`the load generator ended with ${code} before its result`)))
  })
  // Its owner awaits it later; until then a failure must not end the bench as an unhandled rejection.
  result.catch(() => undefined)
  child.send(order)
  return { result, stop: () => child.connected && child.send('stop') }
}

/** Runs load to its end. */
export const runLoad = (order: LoadOrder): Promise<MeasuredLoad> => startLoad(order).result
