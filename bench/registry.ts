import type { Bench } from './bench.ts'
import { artifact } from './registry/artifact.ts'
import { besideMlflow } from './registry/beside-mlflow.ts'
import { points } from './registry/points.ts'
import { search } from './registry/search.ts'
import { registryTargets } from './registry/targets.ts'
import { suite } from './suite.ts'

/** The registry: speed beside MLflow's server, and at size. */
export const registry: Bench = suite({
  name: 'registry',
  doc: "the registry beside MLflow's own server, and with many runs, points and bytes",
  scenarios: [besideMlflow, search, points, artifact],
  targets: registryTargets,
})
