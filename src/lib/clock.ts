/** A pending callback; cancelling twice is allowed. */
export interface Timer {
  cancel(): void
}

/**
 * Time as the rest of the code sees it. `now` never goes backwards and has no meaning outside this process;
 * `wallMs` is civil time (Unix milliseconds) and may jump. Deadlines and delays use `now`.
 */
export interface Clock {
  /** Monotonic milliseconds with sub-millisecond fraction. */
  now(): number
  /** Unix time in milliseconds. */
  wallMs(): number
  /** Calls `fn` once after `delayMs`; a pending timer does not keep the process alive. */
  setTimer(fn: () => void, delayMs: number): Timer
}

/** setTimeout treats longer delays as 1 ms, so longer timers must be re-armed by their owner. */
const timerDelayMsMax = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer(fn, delayMs) {
    const handle = setTimeout(fn, Math.min(Math.max(0, delayMs), timerDelayMsMax))
    handle.unref()
    return { cancel: () => clearTimeout(handle) }
  },
}

/** Resolves after `delayMs` of the given clock. */
export const sleep = (clock: Clock, delayMs: number): Promise<void> =>
  new Promise((resolve) => {
    clock.setTimer(resolve, delayMs)
  })
