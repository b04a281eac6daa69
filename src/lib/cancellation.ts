/**
 * Tells work under way that nobody waits for it any more. Unlike AbortSignal it costs one small object, because the
 * prediction path makes one per request; it has one listener, the owner of the work at the time.
 */
export class Cancellation {
  cancelled = false
  #listener: (() => void) | undefined

  /** Replaces the listener; called at once when already cancelled. */
  onCancel(listener: () => void): void {
    this.#listener = listener
    if (this.cancelled) listener()
  }

  /** Takes effect once. */
  cancel(): void {
    if (this.cancelled) return
    this.cancelled = true
    this.#listener?.()
  }
}
