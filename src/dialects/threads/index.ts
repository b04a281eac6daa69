export { answerWork } from './answer-work.ts'
export { WorkThread, type WorkThreadOptions } from './work-thread.ts'
