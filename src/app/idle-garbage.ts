import type { Clock, Timer } from '../lib/index.ts'

/** Buffers of less than this wait for the collector to come by itself. */
const worthBytes = 64 * 1024 ** 2
/** Buffers whose sum moves by less than this are at rest. */
const restBytes = 1024 ** 2
const lookMs = 1000
/** Collections that free nothing come ever more rarely, down to one in so long. */
const pauseMsMax = 60_000

export interface IdleGarbageOptions {
  readonly clock: Clock
  /** Bytes of buffers outside the heap, garbage among them. */
  bytesNow(): number
  collect(): void
}

/**
 * Has the garbage of large bodies collected once no more come. Why: an idle process never comes to it, and buffers lie
 * outside the heap whose growth would call for it. Returns what ends it.
 */
export const collectIdleGarbage = ({ clock, bytesNow, collect }: IdleGarbageOptions): (() => void) => {
  let lastBytes = 0
  let pauseMs = lookMs
  let dueMs = 0
  let timer: Timer
  const look = (): void => {
    timer = clock.setTimer(look, lookMs)
    const bytes = bytesNow()
    const isAtRest = Math.abs(bytes - lastBytes) < restBytes
    lastBytes = bytes
    if (!isAtRest) {
      pauseMs = lookMs
      dueMs = 0
    } else if (bytes >= worthBytes && clock.now() >= dueMs) {
      collect()
      lastBytes = bytesNow()
      pauseMs = Math.min(2 * pauseMs, pauseMsMax)
      dueMs = clock.now() + pauseMs
    }
  }
  timer = clock.setTimer(look, lookMs)
  return () => timer.cancel()
}
