import { join, resolve } from 'node:path'
import { CandidateChecks, Endpoints, EndpointSnapshot, VersionFolders } from '../delivery/index.ts'
import { scoringTarget } from '../dialects/scoring/index.ts'
import type { ScoringTables } from '../dialects/scoring/index.ts'
import { taskInputs } from '../gateway/index.ts'
import type { Clock, Logger, Random } from '../lib/index.ts'
import type { BlobStore } from '../ports/index.ts'
import { readInputExample } from '../serving/index.ts'
import type { ServedVersion, Serving } from '../serving/index.ts'
import type { Tensor } from '../tensor/index.ts'
import type { Config } from './config/load-config.ts'
import type { RegistryThread } from './registry/open-registry-thread.ts'

export interface EndpointParts {
  readonly blobs: BlobStore
  readonly registry: RegistryThread
  readonly serving: Serving
  readonly tables: ScoringTables
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** A version's own input example as its tensors. */
const exampleTensors = async (
  tables: ScoringTables,
  folder: string,
  version: ServedVersion,
): Promise<readonly Tensor[] | undefined> => {
  const body = await readInputExample(folder)
  if (body === undefined) return undefined
  const read = await tables.decode({ body, form: 'json', target: scoringTarget(version) }, { owner: version.model })
  return taskInputs({ model: version.model, ...read }, version.facts.signature)
}

/** Endpoints between the registry, which says what they are, and the models that serve them. */
export const openEndpoints = (config: Config, parts: EndpointParts): Endpoints => {
  const { blobs, registry, serving, tables, clock, random, logger } = parts
  const { app, delivery } = config
  const endpoints = new Endpoints({
    models: serving.models,
    folders: new VersionFolders({
      root: resolve(app.dataDir, 'served'),
      blobs,
      shared: config.http.reusePort,
      listFiles: (folder, page) => registry.endpoints.endpointFiles(folder, page),
    }),
    checks: new CandidateChecks({
      clock,
      logger,
      signature: delivery.signature,
      timeoutMs: delivery.checkTimeoutMs,
      readExample: (folder, version) => exampleTensors(tables, folder, version),
    }),
    snapshot: new EndpointSnapshot(join(app.dataDir, 'endpoints.json')),
    clock,
    random,
    logger,
    targets: () => registry.endpoints.endpointTargets(),
    pollIntervalMs: delivery.pollIntervalMs,
    keepWarm: config.serving.swap === 'resource' ? 0 : delivery.keepWarm,
  })
  registry.guardMoves(endpoints)
  return endpoints
}
