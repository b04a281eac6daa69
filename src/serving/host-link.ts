import type { LoadOrder, LoadReport, ScatteredTensor, TensorPayload } from '../host/index.ts'

/** What an instance of a model runs on: one host, or a chain of them. */
export interface HostLink {
  readonly pids: readonly number[]
  /** Settles with the reason once no run can be answered any more; never rejects. */
  readonly exited: Promise<string>
  load(order: LoadOrder): Promise<LoadReport>
  /** Runs once; the answer's `number` is the run time of the engines in ms. */
  run(tensors: readonly ScatteredTensor[], wanted: readonly string[]): Promise<TensorPayload>
  /** Ends it at once, also in the middle of a run. */
  kill(reason: string): void
  /** Lets it end by itself; call when nothing is pending. */
  close(): Promise<void>
}
