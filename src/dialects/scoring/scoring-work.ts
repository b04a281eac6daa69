import type { ScoringBody } from './decode-body.ts'
import type { Answered } from './encode-predictions.ts'

/** What the thread that reads and writes large tables is asked to do. */
export type ScoringWork =
  | { readonly kind: 'decode'; readonly body: ScoringBody }
  | { readonly kind: 'encode'; readonly answered: Answered }
