import { reasonOf } from '../lib/index.ts'
import { AppError } from '../protocol/index.ts'
import type { ServedFiles } from '../registry/index.ts'
import type { Signature } from '../tensor/index.ts'

/** Files of a version in a folder that an engine can load. */
export interface PlacedVersion extends ServedFiles {
  readonly directory: string
}

/** A version that has served, with what its callers rely on. */
export interface KnownVersion extends PlacedVersion {
  readonly signature: Signature
}

/** One endpoint as this server serves it. */
export interface EndpointState {
  /** What answers; undefined before the first load. */
  readonly active: KnownVersion | undefined
  /** Earlier versions that may still be in memory, the newest first. */
  readonly warm: readonly KnownVersion[]
  /** Why it doesn't serve what it should; undefined when it does. */
  readonly problem: string | undefined
  /** What it failed to serve, when that is why. */
  readonly failed: ServedFiles | undefined
  /** Failures since it last served what it should, and when the next try is due (monotonic ms). */
  readonly failures: number
  readonly retryAtMs: number
  /** A model repository has a model of its name, which is the one that is served. */
  readonly isHidden: boolean
}

export const newEndpoint: EndpointState = {
  active: undefined,
  warm: [],
  problem: undefined,
  failed: undefined,
  failures: 0,
  retryAtMs: 0,
  isHidden: false,
}

const isSame = (a: ServedFiles, b: ServedFiles): boolean => a.version === b.version && a.digest === b.digest

export const serves = ({ active }: EndpointState, files: ServedFiles): boolean =>
  active !== undefined && isSame(active, files)

/** Earlier versions that stay beside a new one. */
export const warmBeside = (state: EndpointState, next: ServedFiles, keepWarm: number): readonly KnownVersion[] =>
  [...(state.active === undefined ? [] : [state.active]), ...state.warm]
    .filter(({ version }) => version !== next.version)
    .slice(0, keepWarm)

/** A version that stayed in memory after it served: it has passed its checks. */
export const warmOf = ({ active, warm }: EndpointState, files: ServedFiles): KnownVersion | undefined =>
  [...(active === undefined ? [] : [active]), ...warm].find((version) => isSame(version, files))

export const switched = (state: EndpointState, next: KnownVersion, keepWarm: number): EndpointState => ({
  ...newEndpoint,
  active: next,
  warm: warmBeside(state, next, keepWarm),
})

/** Whether a try to serve files is due: what failed waits for its next try, anything else is tried at once. */
export const isDue = (state: EndpointState, files: ServedFiles, nowMs: number): boolean =>
  !serves(state, files) && (state.failed === undefined || !isSame(state.failed, files) || nowMs >= state.retryAtMs)

export interface Failure {
  readonly problem: string
  readonly failed: ServedFiles | undefined
  readonly retryAtMs: number
}

export const failedTo = (state: EndpointState, failure: Failure): EndpointState => ({
  ...state,
  ...failure,
  failures: state.failures + 1,
})

/** Codes of a model that can't be loaded: who asks for the model is told that it can't, and need not be told twice. */
const loadFailures: ReadonlySet<string> = new Set(['load_failed', 'model_file_refused', 'config_invalid'])

/** Why an endpoint doesn't serve what it should. */
export const problemOf = (error: unknown): string =>
  error instanceof AppError && loadFailures.has(error.code) ? String(error.details['reason']) : reasonOf(error)
