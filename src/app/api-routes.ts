import { modelOperations, registryApi } from '../api/index.ts'
import { apiRoot, jsonReply, openApi, operationRoute } from '../protocol/index.ts'
import type { Route } from '../protocol/index.ts'
import type { Registry } from '../registry/index.ts'
import type { Serving } from '../serving/index.ts'
import type { Config } from './config/load-config.ts'
import { packageVersion } from './package-info.ts'
import { exampleRoots, uploadsRoot } from './serving-options.ts'
import { diskDeploys } from './uploads.ts'

/** Slipway's own API with the document that describes it. */
export const apiRoutes = (config: Config, serving: Serving): Route[] => {
  const deploys = diskDeploys(uploadsRoot(config), {
    earlier: [...config.app.package, ...config.serving.modelRepository],
    later: exampleRoots(config),
  })
  const operations = modelOperations({ serving, deploys })
  return [
    ...operations.map(operationRoute),
    {
      method: 'GET',
      path: `${apiRoot}/openapi.json`,
      needs: 'server.read',
      doc: "OpenAPI document of Slipway's own API.",
      handle: () => jsonReply(openApi([...operations, ...registryApi({} as Registry)], packageVersion)),
    },
  ]
}
