import { answerWork } from '../threads/index.ts'
import type { JsonWork } from './json-work.ts'
import { outputJson } from './output-json.ts'
import { decodeInferJson } from './rest-decode.ts'

/** The program of a thread that reads and writes large JSON bodies, so that they don't hold up the small ones. */
answerWork((work: JsonWork) => {
  if (work.kind === 'encode') return { result: outputJson(work.tensor), transfer: [] }
  const result = decodeInferJson(work.json)
  const buffers = new Set(result.inputs.map((tensor) => tensor.data.buffer as ArrayBuffer))
  return { result, transfer: [...buffers] }
})
