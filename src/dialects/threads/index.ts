export { answerWork } from './answer-work.ts'
export { waitingDefaults, WorkThread, type WorkThreadOptions } from './work-thread.ts'
