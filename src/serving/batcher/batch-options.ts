/** What happens to requests of one priority level that wait; the fields of Triton's ModelQueuePolicy. */
export interface QueuePolicy {
  /** reject: the request leaves unserved; delay: it is served after all of its level whose time is not up. */
  readonly timeoutAction: 'reject' | 'delay'
  /** Longest wait, ms; 0 for no limit. */
  readonly timeoutMsDefault: number
  /** Whether a request may ask for a shorter wait; never for a longer one. */
  readonly allowTimeoutOverride: boolean
  /** Requests of this level that may wait; 0 leaves it to the bound of the whole queue. */
  readonly depthMax: number
}

/** What one batch may hold; a single request beyond a bound runs in a batch of its own. */
export interface BatchBounds {
  /** Rows joined in one batch; with 0 or 1 every request runs alone. */
  readonly rowsMax: number
  /** Bytes of inputs joined in one batch. */
  readonly bytesMax: number
}

/** How one model forms batches. */
export interface BatchOptions extends Pick<BatchBounds, 'rowsMax'> {
  /**
   * true: the owner of the queue refuses a request of more rows than `rowsMax` (if that is above 1) before it is
   * pushed; false: such a request runs in a batch of its own.
   */
  readonly refuseAboveRowsMax: boolean
  /**
   * adaptive: an idle instance takes at once what waits, so batches grow only while all instances are busy;
   * delay: an idle instance waits up to `delayMs` for more; off: every request runs alone.
   */
  readonly mode: 'adaptive' | 'delay' | 'off'
  /** Batch sizes, in rows, that leave without waiting for more. */
  readonly preferredRows: readonly number[]
  /** Counted from the arrival of the oldest request in the batch; read in mode `delay` only. */
  readonly delayMs: number
  /** Answers leave in order of arrival; kept by the owner of the queue with a `ReleaseOrder`. */
  readonly preserveOrdering: boolean
  /** Levels 1 (served first) to this number; 0 means one level. At most `priorityLevelsMax`. */
  readonly priorityLevels: number
  /** The level of requests that name none, or one that does not exist. */
  readonly priorityDefault: number
  readonly policyDefault: QueuePolicy
  /** Policies of single levels, in place of `policyDefault`. */
  readonly policies: ReadonlyMap<number, QueuePolicy>
  /** Requests that may wait in the whole queue; beyond it, the least urgent are refused first. */
  readonly depthMax: number
}

/** Empty levels are passed one by one when a batch forms, so their number is kept small. */
export const priorityLevelsMax = 100
