export { type LogOptions, openLogger } from './log.ts'
