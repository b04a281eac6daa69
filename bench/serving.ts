import type { Bench } from './bench.ts'
import { servingScenarios } from './serving/index.ts'
import { servingTargets } from './serving/targets.ts'
import { suite } from './suite.ts'

/** The model server: speed beside MLServer, and what holds under load. */
export const serving: Bench = suite({
  name: 'serving',
  doc: 'the model server beside MLServer 1.7, and under reloads, overload, swaps and restarts',
  scenarios: servingScenarios,
  targets: servingTargets,
})
