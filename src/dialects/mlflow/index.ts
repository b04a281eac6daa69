import type { ErrorShape, Route } from '../../protocol/index.ts'
import { artifactPageRoutes } from './artifact-page-routes.ts'
import type { ArtifactRoutesDeps } from './artifact-routes.ts'
import { artifactTreeRoutes } from './artifact-routes.ts'
import { assessmentEndpoints } from './assessment-endpoints.ts'
import { datasetEndpoints } from './dataset-endpoints.ts'
import type { EndpointDeps } from './endpoint.ts'
import { endpointRoutes } from './endpoint.ts'
import { experimentEndpoints } from './experiment-endpoints.ts'
import { loggedModelEndpoints } from './logged-model-endpoints.ts'
import { metricEndpoints } from './metric-endpoints.ts'
import { mlflowErrorShapes } from './mlflow-error.ts'
import { otlpErrorShapes, otlpRoutes } from './otlp/otlp-routes.ts'
import { registeredModelEndpoints } from './registered-model-endpoints.ts'
import { runArtifactEndpoints } from './run-artifact-endpoints.ts'
import { runEndpoints } from './run-endpoints.ts'
import { traceArtifactRoutes } from './trace-artifact-routes.ts'
import { traceEndpoints } from './trace-endpoints.ts'
import { webhookEndpoints } from './webhook-endpoints.ts'

export { artifactIndex, type ArtifactIndex } from './artifact-index.ts'
export { mlflowError } from './mlflow-error.ts'
export { multipartRoutes } from './multipart-routes.ts'
export { serverRoutes } from './server-routes.ts'

/** MLflow's tracking and registry API. */
export const mlflowRoutes = (deps: EndpointDeps): Route[] => [
  ...endpointRoutes(
    [
      ...experimentEndpoints,
      ...runEndpoints,
      ...metricEndpoints,
      ...runArtifactEndpoints,
      ...loggedModelEndpoints,
      ...registeredModelEndpoints,
      ...datasetEndpoints,
      ...traceEndpoints,
      ...assessmentEndpoints,
      ...webhookEndpoints,
    ],
    deps,
  ),
  ...traceArtifactRoutes(deps.registry),
  ...otlpRoutes(deps.registry),
]

/** The bytes of artifacts, streamed both ways. */
export const artifactRoutes = (deps: ArtifactRoutesDeps): Route[] => [
  ...artifactTreeRoutes(deps),
  ...artifactPageRoutes(deps),
]

/** How errors are worded below the paths of all of these. */
export const errorShapes: readonly ErrorShape[] = [...mlflowErrorShapes, ...otlpErrorShapes]
