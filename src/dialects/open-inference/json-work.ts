import type { Tensor } from '../../tensor/index.ts'
import type { InferJson } from './rest-decode.ts'

/** What the thread that reads and writes large JSON is asked to do. */
export type JsonWork =
  | { readonly kind: 'decode'; readonly json: InferJson }
  | { readonly kind: 'encode'; readonly tensor: Tensor }
