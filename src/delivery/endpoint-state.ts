import type { ServedFiles } from '../registry/index.ts'

/** Files of a version in a folder that an engine can load. */
export interface PlacedVersion extends ServedFiles {
  readonly directory: string
}

/** One endpoint as this server serves it. */
export interface EndpointState {
  /** What answers; undefined before the first load. */
  readonly active: PlacedVersion | undefined
  /** Earlier versions that may still be in memory, the newest first. */
  readonly warm: readonly PlacedVersion[]
  /** Why it doesn't serve what it should; undefined when it does. */
  readonly problem: string | undefined
  /** Failures since it last served what it should, and when the next try is due (monotonic ms). */
  readonly failures: number
  readonly retryAtMs: number
}

export const newEndpoint: EndpointState = { active: undefined, warm: [], problem: undefined, failures: 0, retryAtMs: 0 }

const isSame = (a: ServedFiles, b: ServedFiles): boolean => a.version === b.version && a.digest === b.digest

export const serves = ({ active }: EndpointState, files: ServedFiles): boolean =>
  active !== undefined && isSame(active, files)

/** Earlier versions that stay beside a new one. */
export const warmBeside = (state: EndpointState, next: ServedFiles, keepWarm: number): readonly PlacedVersion[] =>
  [...(state.active === undefined ? [] : [state.active]), ...state.warm]
    .filter(({ version }) => version !== next.version)
    .slice(0, keepWarm)

export const switched = (state: EndpointState, next: PlacedVersion, keepWarm: number): EndpointState => ({
  ...newEndpoint,
  active: next,
  warm: warmBeside(state, next, keepWarm),
})

export const failedTo = (state: EndpointState, problem: string, retryAtMs: number): EndpointState => ({
  ...state,
  problem,
  failures: state.failures + 1,
  retryAtMs,
})
