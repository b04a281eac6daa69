export { type ClosedLoop, runClosedLoop } from './load/closed-loop.ts'
export { failed, type LoadResult, succeeded } from './load/load-result.ts'
export { type OpenLoop, runOpenLoop } from './load/open-loop.ts'
