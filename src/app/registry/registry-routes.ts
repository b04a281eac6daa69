import { registryApi } from '../../api/index.ts'
import { mlflowRoutes } from '../../dialects/mlflow/index.ts'
import { operationRoute } from '../../protocol/index.ts'
import type { Route } from '../../protocol/index.ts'
import type { Registry } from '../../registry/index.ts'

/** Every route that speaks to the registry: MLflow's and Slipway's own. */
export const registryRoutes = (registry: Registry): Route[] => [
  ...mlflowRoutes({ registry }),
  ...registryApi(registry).map(operationRoute),
]
