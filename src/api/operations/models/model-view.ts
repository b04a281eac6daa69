import type { Schema } from '../../../protocol/index.ts'
import type { TensorSpec } from '../../../tensor/index.ts'
import type { ModelStatus, Serving, VersionFacts, VersionStatus } from '../../../serving/index.ts'
import { modelConfigToJson } from '../../../serving/index.ts'

/** What the API tells of a model. */
export interface ModelView {
  readonly name: string
  readonly problem: string
  /** Its versions are being brought, so what it has for a problem will pass. */
  readonly isComing: boolean
  readonly onDemand: boolean
  /** The version that answers when none is named; empty while none is in memory. */
  readonly answers: string
  readonly versions: readonly VersionView[]
}

export interface VersionView {
  readonly version: string
  readonly state: string
  readonly reason: string
  readonly engine: string
  readonly runtime: string
  readonly inputs: readonly unknown[]
  readonly outputs: readonly unknown[]
  readonly metadata: Readonly<Record<string, string>>
  readonly config: unknown
  readonly instances: number
  readonly queueDepth: number
  readonly inFlight: number
  /** Resident memory of its hosts. */
  readonly memoryBytes: number
  readonly loadMs: number
  /** Whether it was loaded from the optimised graph of an earlier load. */
  readonly graphCached: boolean
  readonly lastCrash: string
}

export const modelView = (status: ModelStatus, serving: Serving): ModelView => ({
  name: status.name,
  problem: status.problem ?? '',
  isComing: status.isComing,
  onDemand: status.onDemand,
  answers: status.answers === undefined ? '' : String(status.answers),
  versions: status.versions.map((version) => versionView(status.name, version, serving)),
})

const versionView = (model: string, status: VersionStatus, serving: Serving): VersionView => {
  const served = serving.models
    .serving()
    .find((version) => version.model === model && version.version === status.version)
  return {
    version: String(status.version),
    state: status.state,
    reason: status.reason,
    ...factsView(status.facts),
    instances: status.instances,
    queueDepth: status.queueDepth,
    inFlight: status.outstanding,
    memoryBytes: (served?.instances ?? []).reduce((sum, instance) => sum + serving.watch.memory.hostBytes(instance), 0),
    lastCrash: status.lastCrash ?? '',
  }
}

type FactsView = Omit<
  VersionView,
  'version' | 'state' | 'reason' | 'instances' | 'queueDepth' | 'inFlight' | 'memoryBytes' | 'lastCrash'
>

/** What is only known of a loaded version. */
const factsView = (facts: VersionFacts | undefined): FactsView =>
  facts === undefined
    ? { engine: '', runtime: '', inputs: [], outputs: [], metadata: {}, config: null, loadMs: 0, graphCached: false }
    : {
        engine: facts.engine,
        runtime: facts.runtime,
        inputs: facts.signature.inputs.map(tensorView),
        outputs: facts.signature.outputs.map(tensorView),
        metadata: facts.metadata,
        config: modelConfigToJson(facts.config),
        loadMs: Math.round(facts.loadMs),
        graphCached: facts.graphCached,
      }

const tensorView = ({ name, datatype, shape, optional }: TensorSpec): TensorSpec => ({
  name,
  datatype,
  shape,
  ...(optional === undefined ? {} : { optional }),
})

const text: Schema = { type: 'string' }
const number: Schema = { type: 'number' }

export const modelSchema: Schema = {
  type: 'object',
  required: ['name', 'problem', 'onDemand', 'answers', 'versions'],
  properties: {
    name: text,
    problem: text,
    onDemand: { type: 'boolean' },
    answers: text,
    versions: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          version: text,
          state: { enum: ['ready', 'loading', 'unloading', 'unavailable'] },
          reason: text,
          engine: text,
          runtime: text,
          inputs: { type: 'array' },
          outputs: { type: 'array' },
          metadata: { type: 'object' },
          config: { type: ['object', 'null'] },
          instances: number,
          queueDepth: number,
          inFlight: number,
          memoryBytes: number,
          loadMs: number,
          graphCached: { type: 'boolean' },
          lastCrash: text,
        },
      },
    },
  },
}
