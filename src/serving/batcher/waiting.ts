import type { Lane } from './lane.ts'

/** A request in the queue. All instants are monotonic ms; Infinity stands for never. */
export interface Waiting<T> {
  readonly item: T
  /** Never split over batches. */
  readonly rows: number
  /** What it takes in the frame of its batch. */
  readonly bytes: number
  /** Requests of different keys never share a batch. */
  readonly shapeKey: string
  readonly arrivedMs: number
  /** Level, 1 is served first. */
  readonly priority: number
  /** When its caller stops waiting: not started from this instant on. */
  readonly deadlineMs: number
  /** When the queue policy's timeout fires. */
  readonly timeoutAtMs: number
  /** Taken out by `cancel` before it was in a batch. */
  readonly cancelled: boolean
}

/** The queue's own view of a waiting request: linked into one lane, and into the heap if it has a due time. */
export class Entry<T> implements Waiting<T> {
  readonly item: T
  readonly rows: number
  readonly bytes: number
  readonly shapeKey: string
  readonly arrivedMs: number
  readonly priority: number
  readonly deadlineMs: number
  readonly timeoutAtMs: number
  /** Order of arrival, which breaks ties between equal due times. */
  readonly sequence: number
  cancelled = false
  /** The next instant at which the queue has to act on this request. */
  dueMs: number
  /** Position in the heap, -1 outside. */
  heapIndex = -1
  /** undefined once the request has left the queue. */
  lane: Lane<T> | undefined = undefined
  previous: Entry<T> | undefined = undefined
  next: Entry<T> | undefined = undefined
  /** Generation of the forming batch that counts this request. */
  formedIn = 0

  constructor(fields: Omit<Waiting<T>, 'cancelled'> & { readonly sequence: number }) {
    this.item = fields.item
    this.rows = fields.rows
    this.bytes = fields.bytes
    this.shapeKey = fields.shapeKey
    this.arrivedMs = fields.arrivedMs
    this.priority = fields.priority
    this.deadlineMs = fields.deadlineMs
    this.timeoutAtMs = fields.timeoutAtMs
    this.sequence = fields.sequence
    this.dueMs = Math.min(fields.timeoutAtMs, fields.deadlineMs)
  }
}
