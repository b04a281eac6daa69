import type { Targets } from '../summary.ts'

/** What the model server is held to on two cores. */
export const servingTargets: Targets = {
  'rest.ratio': { is: '>=', bound: 8 },
  'rest.p50': { is: '<=', bound: 0.35 },
  'grpc.ratio': { is: '>=', bound: 5 },
  'grpc.p50': { is: '<=', bound: 0.45 },
  'batching.gain': { is: '>=', bound: 3 },
  'image.above': { is: '<=', bound: 3 },
  'start.answer': { is: '<=', bound: 1.5 },
  'start.pss': { is: '<=', bound: 200 },
  'reload.growth': { is: '<=', bound: 10 },
  'health.saturated': { is: '<', bound: 10 },
  'health.loading': { is: '<', bound: 10 },
  'overload.goodput': { is: '>=', bound: 80 },
  'swap.failed': { is: '<=', bound: 0 },
  'restart.failed': { is: '<=', bound: 0 },
}
