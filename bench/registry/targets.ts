import type { Targets } from '../summary.ts'
import { writes } from './operations.ts'

/** What the registry is held to on two cores. */
export const registryTargets: Targets = {
  ...Object.fromEntries(
    writes.flatMap(({ id }) => [
      [`mlflow.${id}.ratio`, { is: '>=', bound: 20 } as const],
      [`mlflow.${id}.p50`, { is: '<=', bound: 0.1 } as const],
    ]),
  ),
  'mlflow.memory': { is: '<=', bound: 200 },
  'search.p50': { is: '<=', bound: 10 },
  'search.best': { is: '<=', bound: 10 },
  'points.slowdown': { is: '>=', bound: 0.9 },
  'artifact.up': { is: '>=', bound: 80 },
  'artifact.down': { is: '>=', bound: 80 },
  'artifact.memory': { is: '<=', bound: 200 },
}
