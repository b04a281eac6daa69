import { parentPort } from 'node:worker_threads'
import { AppError } from '../../protocol/index.ts'
import type { ThreadDone, ThreadWork } from './work-thread.ts'

/** What became of one piece of work, and the buffers that needn't be copied back. */
export interface Worked {
  readonly result: unknown
  readonly transfer: readonly ArrayBuffer[]
}

/** The loop of a thread's program: answers each message by `run`. */
export const answerWork = <Work>(run: (work: Work) => Worked): void => {
  parentPort?.on('message', (message: ThreadWork<Work>) => {
    const { done, transfer } = answer(message, run)
    parentPort?.postMessage(done, [...transfer])
  })
}

const answer = <Work>(
  { id, work }: ThreadWork<Work>,
  run: (work: Work) => Worked,
): { readonly done: ThreadDone; readonly transfer: readonly ArrayBuffer[] } => {
  try {
    const { result, transfer } = run(work)
    return { done: { id, kind: 'done', result }, transfer }
  } catch (error) {
    if (error instanceof AppError)
      return { done: { id, kind: 'failed', code: error.code, details: { ...error.details } }, transfer: [] }
    return { done: { id, kind: 'broken', reason: String(error) }, transfer: [] }
  }
}
