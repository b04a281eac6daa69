export { type ClosedLoop, runClosedLoop } from './load/closed-loop.ts'
export { failed, type LoadResult, succeeded } from './load/load-result.ts'
export { type OpenLoop, runOpenLoop } from './load/open-loop.ts'
export {
  type Area,
  type ItemOf,
  type PagedOperation,
  SlipwayClient,
  type SlipwayClientOptions,
} from './slipway-client.ts'
export { SlipwayError } from './slipway-error.ts'
