export interface KeptMemoryOptions {
  /** What a host may keep beyond what it had after its load. */
  readonly bytesReserve: number
  /** How long after its last large run a host may keep more. */
  readonly settleMs: number
}

export interface HostMemory {
  readonly bytes: number
  readonly bytesAfterLoad: number
  /** Time since its last run that may have needed the memory. */
  readonly quietMs: number
}

/** Of a large model, a host may keep this share of what the model takes by itself. */
const ownShare = 0.5
/** Longest time between two replacements of a host that grows anew each time: it seems to need what it takes. */
const pauseMsMax = 3_600_000

/**
 * Decides when a host is replaced for what it keeps of large runs: ONNX Runtime's arena gives nothing back. A host that
 * grows again and again is replaced ever more seldom, since each time costs a load.
 */
export class KeptMemory {
  readonly #options: KeptMemoryOptions
  #replaced = 0
  #lastMs = -Infinity

  constructor(options: KeptMemoryOptions) {
    this.#options = options
  }

  /** Whether to replace the host now, which is then taken for done. */
  isDue({ bytes, bytesAfterLoad, quietMs }: HostMemory, nowMs: number): boolean {
    const { bytesReserve, settleMs } = this.#options
    if (bytes - bytesAfterLoad <= Math.max(bytesReserve, ownShare * bytesAfterLoad)) return false
    const sinceMs = nowMs - this.#lastMs
    if (sinceMs > pauseMsMax) this.#replaced = 0
    if (quietMs < settleMs || sinceMs < Math.min(settleMs * 2 ** this.#replaced, pauseMsMax)) return false
    this.#replaced += 1
    this.#lastMs = nowMs
    return true
  }
}
