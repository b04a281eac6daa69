import type { RestartOptions } from './restart-policy.ts'

/** What the server allows each version of a model. */
export interface VersionLimits {
  readonly rowsMax: number
  readonly queueDepthMax: number
  /** Bytes of inputs joined in one run. */
  readonly batchBytesMax: number
  readonly loadTimeoutMs: number
  readonly runTimeoutMs: number
  readonly abandonedRunTimeoutMs: number
  readonly drainTimeoutMs: number
  readonly instances: number
  readonly restart: RestartOptions
  /** Whether Python models may have files that run code when they are read. */
  readonly pickle: 'allow' | 'refuse'
  /** Options of the engine that the model's own parameters override. */
  readonly engineDefaults: Readonly<Record<string, string>>
  /** Options of the engine that are the server's alone. */
  readonly engineLimits: Readonly<Record<string, string>>
}
