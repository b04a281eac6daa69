import { answerWork } from '../threads/index.ts'
import { decodeScoringBody } from './decode-body.ts'
import { encodePredictions } from './encode-predictions.ts'
import type { ScoringWork } from './scoring-work.ts'

/** The program of a thread that reads and writes large tables, so that they don't hold up the small ones. */
answerWork((work: ScoringWork) => {
  if (work.kind === 'encode') return { result: encodePredictions(work.answered), transfer: [] }
  const result = decodeScoringBody(work.body)
  const buffers = new Set(result.inputs.map((tensor) => tensor.data.buffer as ArrayBuffer))
  return { result, transfer: [...buffers] }
})
