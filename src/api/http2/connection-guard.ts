import { Allowance } from './allowance.ts'
import { errorCode } from './codes.ts'
import { ConnectionError } from './connection-error.ts'

/**
 * Calls that a client may give up or get wrong: this many at once, and this many a second. A proxy whose callers run out
 * of time gives up many; more is a client that makes work and throws it away (CVE-2023-44487, CVE-2025-8671).
 */
const resetBurst = 2000
const resetsPerSecond = 1000
/**
 * Frames that bring no work: this many at once, and this many a second. Clients of gRPC measure their bandwidth with a
 * ping for many a message and open their windows often, so whatever work is done allows for some more
 * (CVE-2019-9512, CVE-2019-9513, CVE-2019-9515, CVE-2019-9518).
 */
const idleBurst = 10_000
const idlePerSecond = 1000
const idlePerWork = 4

/** Ends a connection whose client costs more than it asks for. */
export class ConnectionGuard {
  readonly #resets: Allowance
  readonly #idle: Allowance

  constructor(now: () => number) {
    this.#resets = new Allowance(resetBurst, resetsPerSecond, now)
    this.#idle = new Allowance(idleBurst, idlePerSecond, now)
  }

  /** Something was asked or answered. */
  worked(): void {
    this.#idle.give(idlePerWork)
  }

  /** A frame came that asks for nothing. Throws a ConnectionError. */
  idled(): void {
    if (!this.#idle.take()) throw new ConnectionError(errorCode.enhanceYourCalm, 'too many frames without use')
  }

  /** A stream ended before its answer, by the client or by its fault. Throws a ConnectionError. */
  reset(): void {
    if (!this.#resets.take()) throw new ConnectionError(errorCode.enhanceYourCalm, 'too many streams reset')
  }
}
