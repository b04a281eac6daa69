import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { loadResultFromData } from '../../src/client/load/load-result.ts'
import type { LoadResult, LoadResultData } from '../../src/client/load/load-result.ts'
import type { LoadOrder } from './load-order.ts'

const entry = fileURLToPath(new URL('load-process.ts', import.meta.url))

/** Load under way in a process of its own. */
export interface RunningLoad {
  readonly result: Promise<LoadResult>
  /** Ends it early; the result covers what was sent until then. */
  stop(): void
}

export const startLoad = (order: LoadOrder): RunningLoad => {
  // `advanced` carries request bodies as bytes.
  const child = fork(entry, { serialization: 'advanced' })
  const result = new Promise<LoadResult>((resolve, reject) => {
    child.once('message', (data) => resolve(loadResultFromData(data as LoadResultData)))
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`the load generator ended with ${code} before its result`)))
  })
  // Its owner awaits it later; until then a failure must not end the bench as an unhandled rejection.
  result.catch(() => undefined)
  child.send(order)
  return { result, stop: () => child.connected && child.send('stop') }
}

/** Runs load to its end. */
export const runLoad = (order: LoadOrder): Promise<LoadResult> => startLoad(order).result
