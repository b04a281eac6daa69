import { expect, it } from 'vitest'
import { grpcHealth, reflection } from '../api/grpc/index.ts'
import { GrpcMessages, openInferenceMethods } from '../dialects/open-inference/index.ts'
import { silentLogger, systemClock, systemRandom } from '../lib/index.ts'
import type { GrpcMethod, Permission, Route } from '../protocol/index.ts'
import { loadConfig } from './config/load-config.ts'
import { modules } from './modules.ts'
import { registryRoutes } from './registry/registry-routes.ts'

/** The tables only need the shape of what handlers use, so nothing is opened to list them. */
const nothing = new Proxy({}, { get: () => undefined }) as never

/** What the doors of HTTP serve, put together by the server's own module. */
const routes = async (): Promise<readonly Route[]> => {
  const { config } = loadConfig({ args: [], environment: {}, directory: '.' })
  const table = modules({
    config,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    variables: {},
    draining: () => false,
  })
  const metrics = { method: 'GET', path: '/metrics', needs: 'metrics.read' }
  const parts = {
    openInference: nothing,
    scoring: nothing,
    serving: nothing,
    blobs: nothing,
    observer: { route: metrics },
    registry: { routes: registryRoutes(nothing), artifacts: nothing },
  }
  return (await table.routes.open(parts as never)).value
}

const methods = (): readonly GrpcMethod[] => [
  ...openInferenceMethods({ messages: new GrpcMessages('proto') } as never),
  ...grpcHealth(nothing),
  ...reflection(() => ({})),
]

const permissions: Readonly<Record<Permission, true>> = {
  'server.read': true,
  'server.write': true,
  'model.read': true,
  'model.infer': true,
  'model.write': true,
  'metrics.read': true,
  'registry.read': true,
  'registry.write': true,
  'registry.purge': true,
  'registry.import': true,
}

const isReading = (needs: Permission): boolean => needs.endsWith('.read')

/** What stands for the same thing below another prefix, in another version, or with its model's version named. */
const twinOf = ({ method, path }: Route): string => {
  const bare = path
    .replace(/^\/(ajax-)?api\/(2\.0|2\.0-preview|3\.0)\//, '/mlflow-api/')
    .replace('/versions/{version}', '')
    .replaceAll(/\{\w+(\*?)\}/g, '{$1}')
  return `${method} ${bare}`
}

/** Bodies that only ask: a longer question than a URL takes. */
const asking = [
  'POST /api/slipway/v1/garbage/plan',
  'POST /api/slipway/v1/logged-models/search',
  'POST /api/slipway/v1/runs/search',
  'POST /api/slipway/v1/traces/search',
  'POST /mlflow-api/mlflow/experiments/search',
  'POST /mlflow-api/mlflow/experiments/search-datasets',
  'POST /mlflow-api/mlflow/logged-models/search',
  'POST /mlflow-api/mlflow/registered-models/get-latest-versions',
  'POST /mlflow-api/mlflow/runs/search',
  'POST /mlflow-api/mlflow/traces/batchGetInfos',
  'POST /mlflow-api/mlflow/traces/search',
  'POST /v2/repository/index',
  'POST /v2/repository/{}/index',
]

it('every route and every method needs a permission that there is', async () => {
  const all = await routes()
  expect(all.length).toBeGreaterThan(300)
  expect(all.filter(({ needs }) => !Object.hasOwn(permissions, needs)).map(({ path }) => path)).toEqual([])
  expect(methods().length).toBeGreaterThan(15)
  expect(methods().filter(({ needs }) => !Object.hasOwn(permissions, needs))).toEqual([])
})

it('twins of a route need the same permission', async () => {
  const groups = [...Map.groupBy(await routes(), twinOf)].filter(([, twins]) => twins.length > 1)
  expect(groups.length).toBeGreaterThan(100)
  const differing = groups.filter(([, twins]) => new Set(twins.map(({ needs }) => needs)).size > 1)
  expect(differing.map(([twin, twins]) => [twin, twins.map(({ path, needs }) => `${path} ${needs}`)])).toEqual([])
})

it("every path of MLflow's API is there for its pages as well, by the same permission", async () => {
  const all = await routes()
  const keyOf = ({ method, path, needs }: Route): string => `${method} ${path} ${needs}`
  const ajax = new Set(all.map(keyOf))
  const alone = all
    .filter(({ path }) => /^\/api\/[23]\.0/.test(path))
    .map((route) => keyOf({ ...route, path: `/ajax-${route.path.slice(1)}` }))
  expect(alone.filter((key) => !ajax.has(key))).toEqual([])
})

it('nothing that changes anything is allowed to those who may only read', async () => {
  const changing = (await routes()).filter(({ method, needs }) => method !== 'GET' && isReading(needs))
  expect([...new Set(changing.map(twinOf))].sort()).toEqual(asking)
  const reading = (await routes()).filter(({ method, needs }) => method === 'GET' && !isReading(needs))
  expect(reading.map(twinOf)).toEqual([])
})

/** Of every method of gRPC the route that does the same. */
const restTwins: Readonly<Record<string, string>> = {
  ModelInfer: 'POST /v2/models/{model}/infer',
  ModelStreamInfer: 'POST /v2/models/{model}/infer',
  ServerLive: 'GET /v2/health/live',
  ServerReady: 'GET /v2/health/ready',
  ServerMetadata: 'GET /v2',
  ModelReady: 'GET /v2/models/{model}/ready',
  ModelMetadata: 'GET /v2/models/{model}',
  ModelConfig: 'GET /v2/models/{model}/config',
  ModelStatistics: 'GET /v2/models/{model}/stats',
  RepositoryIndex: 'POST /v2/repository/index',
  RepositoryModelLoad: 'POST /v2/repository/models/{model}/load',
  RepositoryModelUnload: 'POST /v2/repository/models/{model}/unload',
  SystemSharedMemoryStatus: 'GET /v2/systemsharedmemory/status',
  SystemSharedMemoryRegister: 'POST /v2/systemsharedmemory/region/{region}/register',
  SystemSharedMemoryUnregister: 'POST /v2/systemsharedmemory/region/{region}/unregister',
  CudaSharedMemoryStatus: 'GET /v2/cudasharedmemory/status',
  CudaSharedMemoryRegister: 'POST /v2/cudasharedmemory/region/{region}/register',
  CudaSharedMemoryUnregister: 'POST /v2/cudasharedmemory/region/{region}/unregister',
  // One method of gRPC both reads and sets them.
  TraceSetting: 'POST /v2/trace/setting',
  LogSettings: 'POST /v2/logging',
  // Of health and reflection, which tell what the server's own paths tell.
  Check: 'GET /v2/health/ready',
  Watch: 'GET /v2/health/ready',
  ServerReflectionInfo: 'GET /v2',
}

it('methods of gRPC need what their twins of REST need', async () => {
  const needed = new Map((await routes()).map(({ method, path, needs }) => [`${method} ${path}`, needs]))
  for (const { method, needs } of methods())
    expect([method, needed.get(restTwins[method] ?? '')]).toEqual([method, needs])
})
