import { parentPort } from 'node:worker_threads'
import { AppError } from '../../protocol/index.ts'
import { encodeJsonData } from '../../tensor/index.ts'
import type { JsonDone, JsonWork } from './json-work.ts'
import { decodeInferJson } from './rest-decode.ts'

/** The program of a thread that reads and writes large JSON bodies, so that they don't hold up the small ones. */
const answer = (work: JsonWork): JsonDone => {
  try {
    const result = work.kind === 'decode' ? decodeInferJson(work.json) : encodeJsonData(work.tensor)
    return { id: work.id, kind: 'done', result }
  } catch (error) {
    if (error instanceof AppError)
      return { id: work.id, kind: 'failed', code: error.code, details: { ...error.details } }
    return { id: work.id, kind: 'broken', reason: String(error) }
  }
}

parentPort?.on('message', (work: JsonWork) => {
  const done = answer(work)
  const transfer = new Set<ArrayBuffer>()
  if (done.kind === 'done' && work.kind === 'decode') {
    for (const tensor of (done.result as { inputs: { data: Uint8Array<ArrayBuffer> }[] }).inputs)
      transfer.add(tensor.data.buffer)
  }
  parentPort?.postMessage(done, [...transfer])
})
