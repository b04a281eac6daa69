import type { LogFields, Logger } from '../../lib/index.ts'
import type { Reply } from '../../protocol/index.ts'
import type { ErrorCode } from '../../protocol/index.ts'
import type {
  GcSchedule,
  KeylessOptions,
  PemFile,
  PlannedMove,
  PreparedMoves,
  SigningMode,
} from '../../registry/index.ts'
import type { WebhookKeySource } from './webhook-key.ts'

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
    readonly keyless?: KeylessOptions | undefined
  }
  readonly gc: GcSchedule
  readonly webhooks: {
    /** Receivers that needn't be public. */
    readonly allow: readonly string[]
    readonly key: WebhookKeySource
  }
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
  | { readonly id: number; readonly kind: 'method'; readonly method: string; readonly args: readonly unknown[] }
  | { readonly id: number; readonly kind: 'close' }

/** What the thread asks of those who serve endpoints. */
export type GuardQuestion =
  | { readonly ask: number; readonly kind: 'prepare'; readonly moves: readonly PlannedMove[] }
  /** Of what was prepared by the ask of this number. */
  | { readonly ask: number; readonly kind: 'settle'; readonly prepared: number; readonly isCommitted: boolean }
  | { readonly ask: number; readonly kind: 'changed' }

/** The answer to a question of the thread's. */
export interface GuardAnswer {
  readonly kind: 'guard'
  readonly ask: number
  /** Of what was prepared. */
  readonly checked?: PreparedMoves['checked']
  readonly refused?: { readonly code: ErrorCode; readonly details: Readonly<Record<string, string | number>> }
}

/** A line of the log, which the thread asks its owner to write. */
export interface ThreadLogLine {
  readonly kind: 'log'
  readonly level: keyof Logger
  readonly event: string
  readonly fields: LogFields
}

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
