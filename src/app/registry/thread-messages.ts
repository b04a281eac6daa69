import type { Reply } from '../../protocol/index.ts'
import type { ErrorCode } from '../../protocol/index.ts'
import type { GcSchedule, PemFile, SigningMode } from '../../registry/index.ts'

/** What the thread is started with. */
export interface RegistryThreadData {
  /** A file, or the URL of a Postgres. */
  readonly database: string
  /** The artifacts' folder, or the URL of a bucket. */
  readonly artifacts: string
  /** Whose signatures of models count. */
  readonly signing: {
    readonly mode: SigningMode
    readonly keys: readonly PemFile[]
    readonly roots: readonly PemFile[]
  }
  readonly gc: GcSchedule
}

/** The headers of a request that cross to the thread. */
export const sentHeaders = ['content-type', 'x-mlflow-experiment-id', 'x-mlflow-run-id'] as const

/** A request of HTTP as it crosses to the thread. */
export interface SentExchange {
  readonly method: string
  readonly path: string
  readonly params: Readonly<Record<string, string>>
  readonly query: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

export type ThreadCall =
  | { readonly id: number; readonly kind: 'route'; readonly route: number; readonly exchange: SentExchange }
  | { readonly id: number; readonly kind: 'artifacts'; readonly method: string; readonly args: readonly unknown[] }
  | { readonly id: number; readonly kind: 'close' }

export type ThreadAnswer =
  | { readonly id: number; readonly kind: 'reply'; readonly reply: Reply }
  | { readonly id: number; readonly kind: 'value'; readonly value: unknown }
  | {
      readonly id: number
      readonly kind: 'refused'
      readonly code: ErrorCode
      readonly details: Readonly<Record<string, string | number>>
    }
  | { readonly id: number; readonly kind: 'failed'; readonly reason: string }
  /** The database is open. */
  | { readonly id: 0; readonly kind: 'ready' }
  /** Nobody asked: a round of garbage collection ended early. */
  | { readonly id: -1; readonly kind: 'gc-failed'; readonly reason: string }
