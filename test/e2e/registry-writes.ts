import { generateKeyPairSync } from 'node:crypto'
import { silentLogger } from '../../src/lib/index.ts'
import type { ReceivedSpan, Registry, RegistryDeps } from '../../src/registry/index.ts'
import { openRegistry, openSigningTrust } from '../../src/registry/index.ts'
import { seededRandom } from '../../src/testing/index.ts'

/** A write, which changes what the registry keeps. */
export type Write = () => Promise<unknown>

const actor = { name: 'ada', reason: 'a test' }
const tags = [
  { key: 'a', value: '1' },
  { key: 'b', value: '2' },
]
const blob = { digest: 'f'.repeat(64), bytes: 3 }
const version = { source: 'mlflow-artifacts:/0/models/m', runId: '', runLink: '', modelId: '', description: '', tags }
const times = { creationTime: 1, lastUpdatedTime: 2 }

const span = (spanId: string, more: Partial<ReceivedSpan> = {}): ReceivedSpan => ({
  traceId: 'tr-1',
  spanId,
  parentSpanId: undefined,
  name: 'root',
  status: 'OK',
  statusMessage: '',
  startNs: 1_700_000_000_000_000_000n,
  endNs: 1_700_000_000_100_000_000n,
  kind: 0,
  traceState: '',
  attributes: new Map(),
  events: [],
  links: [],
  resource: new Map(),
  ...more,
})

const feedback = {
  kind: 'feedback',
  name: 'score',
  content: '{"value":1}',
  sourceType: 'HUMAN',
  sourceId: 'ada',
  spanId: undefined,
  rationale: undefined,
  metadata: tags,
  overrides: undefined,
  createTime: undefined,
  lastUpdateTime: undefined,
} as const

/** What a write makes and a later one needs; fails when it isn't made yet. */
class Made<T> {
  #value: T | undefined

  async keep(work: Promise<T>): Promise<void> {
    this.#value = await work
  }

  get value(): T {
    if (this.#value === undefined) throw new Error('a write needs what is not made yet')
    return this.#value
  }
}

const trackingWrites = ({ experiments, runs, log, loggedModels }: Registry): Write[] => {
  const run = new Made<string>()
  const model = new Made<string>()
  const dataset = { name: 'iris', digest: 'x', sourceType: 'http', source: '{}', schema: '{}', profile: undefined }
  const points = [1, 2, 3].map((step) => ({ key: `m${step % 2}`, value: step, step, timestamp: 1 }))
  const ofModel = () => points.map((point) => ({ ...point, modelId: model.value }))
  return [
    () => experiments.create('fraud', { tags }),
    () => experiments.rename('1', 'risk'),
    () => experiments.setTag('1', { key: 'c', value: '3' }),
    () => experiments.deleteTag('1', 'c'),
    () =>
      run.keep(
        runs
          .create({ experimentId: '1', name: 'one', userId: 'ada', startTime: 1, tags })
          .then(({ info }) => info.runId),
      ),
    () => log.logBatch(run.value, { metrics: points, params: tags, tags }),
    () => log.logInputs(run.value, [{ dataset, tags }], []),
    () => log.appendModel(run.value, { artifact_path: 'model' }),
    () => runs.setTag(run.value, { key: 'c', value: '3' }),
    () => runs.deleteTag(run.value, 'c'),
    () => runs.update(run.value, { status: 'FINISHED', endTime: 5, name: 'two' }),
    () =>
      model.keep(
        loggedModels
          .create({ experimentId: '1', name: 'net', modelType: 'm', sourceRunId: run.value, params: tags, tags })
          .then(({ modelId }) => modelId),
      ),
    () => log.logOutputs(run.value, [{ modelId: model.value, step: 1 }]),
    () => log.logBatch(run.value, { metrics: ofModel(), params: [], tags: [] }),
    () => loggedModels.setTags(model.value, [{ key: 'c', value: '3' }]),
    () => loggedModels.deleteTag(model.value, 'c'),
    () => loggedModels.logParams(model.value, [{ key: 'c', value: '3' }]),
    () => loggedModels.finish(model.value, 'LOGGED_MODEL_READY'),
    () => loggedModels.delete(model.value),
    () => runs.delete(run.value),
    () => runs.restore(run.value),
    () => experiments.delete('1'),
    () => experiments.restore('1'),
  ]
}

const artifactWrites = ({ artifacts, uploads }: Registry): Write[] => [
  () => artifacts.put('0/models/m/MLmodel', blob),
  () => uploads.start('u1', '0/models/m/weights'),
  () => uploads.finish('u1', '0/models/m/weights', blob),
  () => uploads.start('u2', '0/models/m/more'),
  () => uploads.drop('u2'),
]

const webhookWrites = ({ webhooks }: Registry, hook: Made<string>): Write[] => [
  () =>
    hook.keep(
      webhooks
        .create(
          {
            name: 'hook',
            url: 'https://hooks.example.test/a',
            events: ['registered_model.created', 'model_version.created'],
            secret: 'of us two',
          },
          actor,
        )
        .then(({ webhookId }) => webhookId),
    ),
  () => webhooks.update(hook.value, { description: 'of all models', events: ['registered_model.created'] }, actor),
]

const deliveryWrites = ({ webhooks, deliveries }: Registry, hook: Made<string>): Write[] => {
  const claim = new Made<NonNullable<Awaited<ReturnType<typeof deliveries.claim>>>>()
  const claimFirst = async () => {
    const [head] = await deliveries.heads()
    const claimed = head === undefined ? undefined : await deliveries.claim(head.webhookKey)
    if (claimed === undefined) throw new Error('there is no delivery to claim')
    return claimed
  }
  return [
    () => claim.keep(claimFirst()),
    () => deliveries.renew(claim.value),
    () => deliveries.finish(claim.value, { responseStatus: 200, mayRetry: false }, 5),
    () => deliveries.replay(hook.value, claim.value.deliveryId),
    () => webhooks.delete(hook.value, actor),
  ]
}

const modelWrites = ({ models, versions, endpoints, promotion, inUse }: Registry): Write[] => [
  // A webhook is told of this one.
  () => models.create('fraud', { tags }, actor),
  () => models.describe('fraud', 'of cards', actor),
  () => models.setTag('fraud', { key: 'c', value: '3' }, actor),
  () => models.deleteTag('fraud', 'c', actor),
  () => versions.create({ name: 'fraud', ...version }, actor),
  () => versions.create({ name: 'fraud', ...version }, actor),
  () => versions.describe('fraud', '1', 'the first', actor),
  () => versions.setTag('fraud', '1', { key: 'c', value: '3' }, actor),
  () => versions.deleteTag('fraud', '1', 'c', actor),
  // A copy.
  () => versions.create({ name: 'fraud', ...version, source: 'models:/fraud/1' }, actor),
  () => inUse.add('batch:nightly', 'fraud', '1'),
  () => inUse.replace('batch:nightly', [{ model: 'fraud', version: '2' }]),
  () => inUse.remove('batch:nightly', 'fraud', '2'),
  () => models.setAlias('fraud', 'champion', '1', actor),
  () => endpoints.put('fraud', 'models:/fraud@champion', { wait: true }, actor),
  () => models.setAlias('fraud', 'champion', '2', actor),
  () => endpoints.rollback('fraud', undefined, actor),
  () => versions.transition('fraud', '1', { stage: 'Production', archiveExisting: true }, actor),
  () => versions.transition('fraud', '2', { stage: 'Production', archiveExisting: true }, actor),
  () => models.rename('fraud', 'risk', actor),
  () => promotion.setPolicy('risk', { aliases: { other: [{ approval: { count: 1 } }] } }, actor),
  () => promotion.approve('risk', '1', actor),
  () => promotion.withdraw('risk', '1', actor),
  () => promotion.reject('risk', '1', actor),
  () => promotion.deletePolicy('risk', actor),
  () => models.setAlias('risk', 'other', '1', actor),
  () => models.deleteAlias('risk', 'other', actor),
  () => endpoints.put('fraud', 'models:/risk/latest', { wait: false }, actor),
  () => endpoints.delete('fraud', actor),
  () => versions.delete('risk', '2', actor),
  () => models.delete('risk', actor),
]

const traceWrites = ({ traces, spans, assessments, runs }: Registry): Write[] => {
  const begun = new Made<string>()
  const given = new Made<string>()
  const run = new Made<string>()
  const second = { spanId: '2'.padStart(16, '0'), parentSpanId: '1'.padStart(16, '0') }
  const trace = { traceId: 'tr-2', experimentId: '0', timestampMs: 1, durationMs: 2, state: 'OK' as const }
  return [
    () =>
      run.keep(
        runs
          .create({ experimentId: '0', name: 'traced', userId: 'ada', startTime: 1, tags })
          .then(({ info }) => info.runId),
      ),
    () => spans.log('0', [span('1'.padStart(16, '0')), span(second.spanId, second)], run.value),
    () => traces.put({ ...trace, tags, metadata: tags, assessments: [feedback] }),
    () =>
      begun.keep(
        traces.begin({ experimentId: '0', timestampMs: 1, tags, metadata: tags }).then(({ traceId }) => traceId),
      ),
    () => traces.end(begun.value, { timestampMs: 5, state: 'OK', tags: [{ key: 'd', value: '4' }], metadata: tags }),
    () => traces.setTag('tr-1', { key: 'c', value: '3' }),
    () => traces.deleteTag('tr-1', 'c'),
    () => traces.linkToRun(['tr-2'], run.value),
    () => traces.linkPrompts('tr-1', ['greeting/1']),
    () => given.keep(assessments.create('tr-1', feedback).then(({ assessmentId }) => assessmentId)),
    () => assessments.update('tr-1', given.value, { name: 'grade', metadata: [{ key: 'c', value: '3' }] }),
    () => assessments.create('tr-1', { ...feedback, overrides: given.value }),
    () => assessments.delete('tr-1', given.value),
    () => traces.deleteByIds('0', ['tr-1']),
    () => traces.deleteUpTo('0', 10, undefined),
  ]
}

const importWrites = ({ imports }: Registry): Write[] => {
  const runId = 'e'.repeat(32)
  const modelId = `m-${'d'.repeat(32)}`
  const stage = { lifecycleStage: 'active' as const }
  const tracked = { runId, experimentId: '77', ...stage }
  const ofVersion = { name: 'taken', ...times, description: '', userId: '', runId, runLink: '', modelId: '', tags }
  const state = { status: 'READY' as const, statusMessage: '', location: `runs:/${runId}/model` }
  return [
    () =>
      imports.experiments(
        [{ experimentId: '77', name: 'taken', ...stage, creationTime: 1, lastUpdateTime: 2, tags }],
        actor,
      ),
    () =>
      imports.runs(
        [
          {
            ...tracked,
            name: 'first',
            userId: 'ada',
            status: 'FINISHED',
            startTime: 1,
            endTime: 2,
            params: tags,
            tags,
            inputs: [{ name: 'train', digest: 'd1', sourceType: 'code', source: '{}', schema: '{}', tags }],
            modelInputs: [],
            modelOutputs: [{ modelId, step: 3 }],
          },
        ],
        actor,
      ),
    () => imports.metrics([{ runId, key: 'loss', steps: [1, 2], timestamps: [1, 2], values: [0.5, 0.25] }]),
    () =>
      imports.loggedModels(
        [
          {
            modelId,
            experimentId: '77',
            name: 'net',
            status: 'LOGGED_MODEL_READY',
            sourceRunId: runId,
            ...stage,
            ...times,
            params: tags,
            tags,
            metrics: [{ key: 'auc', value: 0.5, timestamp: 1, step: 2, runId }],
          },
        ],
        actor,
      ),
    () => imports.registeredModels([{ name: 'taken', description: '', ...times, versionLast: 3, tags }], actor),
    () =>
      imports.versions(
        [1, 3].map((number) => ({ ...ofVersion, ...state, version: number, stage: 'None' as const })),
        actor,
      ),
    () => imports.aliases([{ name: 'taken', alias: 'champion', version: 3 }], actor),
    () =>
      imports.traces([
        {
          traceId: 'tr-9',
          experimentId: '77',
          timestamp: 1,
          duration: 2,
          state: 'OK',
          tags,
          metadata: tags,
          assessments: [
            { ...feedback, assessmentId: `a-${'9'.repeat(32)}`, valid: true, createTime: 1, lastUpdateTime: 2 },
          ],
        },
      ]),
  ]
}

/** One write of every kind, in an order in which each finds what it needs. */
export const registryWrites = (registry: Registry): Write[] => {
  const hook = new Made<string>()
  return [
    ...trackingWrites(registry),
    ...artifactWrites(registry),
    ...webhookWrites(registry, hook),
    ...modelWrites(registry),
    ...deliveryWrites(registry, hook),
    ...traceWrites(registry),
    ...importWrites(registry),
    () => registry.artifacts.delete('0/models'),
  ]
}

/** The registry that these writes are for. */
export const openForWrites = (deps: Pick<RegistryDeps, 'db' | 'blobs' | 'clock'>): Promise<Registry> => {
  let ids = 0
  const { publicKey } = generateKeyPairSync('ed25519', {
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  return openRegistry({
    ...deps,
    random: seededRandom(1),
    newId: () => String(++ids).padStart(32, '0'),
    signing: openSigningTrust({ mode: 'warn', keys: [{ name: 'release.pub', pem: publicKey }], roots: [] }),
    webhooks: {
      // Nobody sends here: the deliveries are claimed one by one.
      outbound: {
        resolve: () => Promise.resolve(['93.184.215.14']),
        post: () => Promise.reject(new Error('closed')),
      },
      allow: [],
      key: { require: () => Promise.resolve(new Uint8Array(32).fill(1)) },
      logger: silentLogger,
    },
  })
}
