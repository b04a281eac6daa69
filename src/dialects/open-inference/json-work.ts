import type { ErrorCode } from '../../protocol/index.ts'
import type { Tensor } from '../../tensor/index.ts'
import type { InferJson } from './rest-decode.ts'

/** What the threads that read and write large JSON are asked to do. */
export type JsonWork =
  | { readonly id: number; readonly kind: 'decode'; readonly json: InferJson }
  | { readonly id: number; readonly kind: 'encode'; readonly tensor: Tensor }

export type JsonDone =
  | { readonly id: number; readonly kind: 'done'; readonly result: unknown }
  | {
      readonly id: number
      readonly kind: 'failed'
      readonly code: ErrorCode
      readonly details: Record<string, string | number>
    }
  /** A fault of the program, not of the request. */
  | { readonly id: number; readonly kind: 'broken'; readonly reason: string }
