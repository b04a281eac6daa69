export { answerWork } from './answer-work.ts'
export type { WorkThreadOptions } from './work-thread.ts'
export { heapMegabytesDefault, WorkThreads } from './work-threads.ts'
