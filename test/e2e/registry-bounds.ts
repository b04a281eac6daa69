import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RegistryOperationSpec, Shape } from '../../src/protocol/index.ts'
import { registryOperations } from '../../src/protocol/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { eventually } from '../../src/testing/index.ts'

const api = '/api/2.0/mlflow'
const api3 = '/api/3.0/mlflow'
const own = '/api/slipway/v1'

interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
}

type Request = readonly [method: string, path: string, body?: object]

const many = <T>(count: number, item: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => item(i))
const tagsOf = (count: number) => many(count, (index) => ({ key: `k${index}`, value: 'v' }))
const encoded = encodeURIComponent

const dataset = (name: string, tags: readonly object[] = []) => ({
  dataset: { name, digest: 'd', source_type: 'code', source: '{}' },
  tags,
})

/** Of the server under test: its webhooks may go to the loopback. */
export const boundsFlags = ['--registry.webhooks.allow', '127.0.0.1']

/** What callers may not ask of a registry, on whatever database it is: each answer tells that asking again is no use. */
export const describeRegistryBounds = (name: string, open: () => Promise<TestApp>): void => {
  describe(`the bounds of a registry on ${name}`, () => {
    let app: TestApp
    let runId = ''
    let otherRunId = ''
    let modelId = ''
    let webhookId = ''

    const send = async ([method, path, body]: Request): Promise<Answer> => {
      const init = {
        method,
        headers: { 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      }
      const reply = await app.fetch(path, init)
      return { status: reply.status, body: (await reply.json()) as Answer['body'] }
    }
    const ask = async (...request: Request): Promise<Record<string, unknown>> => {
      const answer = await send(request)
      expect(answer, request[1]).toMatchObject({ status: 200 })
      return answer.body
    }
    const refused = async (request: Request, message: RegExp): Promise<void> => {
      const { status, body } = await send(request)
      const reason = String(body['message'] ?? body['error'])
      expect([status, reason], `${request[0]} ${request[1]}`).toEqual([400, expect.stringMatching(message)])
      if (request[1].startsWith(own)) return
      expect(body['error_code']).toBe('INVALID_PARAMETER_VALUE')
    }
    const newRun = async (start: number): Promise<string> => {
      const made = await ask('POST', `${api}/runs/create`, { experiment_id: '0', start_time: start })
      return (made as { run: { info: { run_id: string } } }).run.info.run_id
    }

    beforeAll(async () => {
      app = await open()
      await eventually('the registry is open', async () =>
        (await app.fetch(`${api}/experiments/get?experiment_id=0`)).ok ? true : undefined,
      )
      runId = await newRun(1)
      otherRunId = await newRun(2)
      const model = (await ask('POST', `${api}/logged-models`, { experiment_id: '0', name: 'm' })) as {
        model: { info: { model_id: string } }
      }
      modelId = model.model.info.model_id
      await ask('POST', `${api}/logged-models`, { experiment_id: '0', name: 'n' })
      await ask('POST', `${api}/experiments/create`, { name: 'second' })
      for (const each of ['one', 'two']) {
        await ask('POST', `${api}/registered-models/create`, { name: each })
        const events = [{ entity: 'MODEL_VERSION', action: 'CREATED' }]
        const hook = { name: each, url: `http://127.0.0.1:1/${each}`, status: 'DISABLED', events }
        const made = (await ask('POST', `${api}/webhooks`, hook)) as { webhook: { webhook_id: string } }
        webhookId = made.webhook.webhook_id
        await ask('POST', `${api}/model-versions/create`, { name: 'one', source: 'mlflow-artifacts:/0/models/m' })
        const trace_info = {
          trace_id: `tr-${each}`,
          trace_location: { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: '0' } },
          request_time: '2026-01-31T12:00:00Z',
          state: 'OK',
        }
        await ask('POST', `${api3}/traces`, { trace: { trace_info } })
      }
      for (const id of [runId, otherRunId])
        for (const step of [1, 2, 3])
          await ask('POST', `${api}/runs/log-metric`, { run_id: id, key: 'm', value: step, timestamp: 1, step })
    })
    afterAll(() => app.stop())

    it('takes as many ids in a search as a client may have, and refuses more', async () => {
      const ids = many(10_000, String)
      const filter = `attributes.run_id IN (${many(5000, (index) => `'${index}'`).join(',')})`
      const location = (id: string) => ({ type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: id } })
      const searches: readonly ((ids: readonly string[]) => Request)[] = [
        (experiment_ids) => ['POST', `${api}/runs/search`, { experiment_ids, filter }],
        (experiment_ids) => ['POST', `${api}/runs/search`, { experiment_ids, order_by: ['metrics.m'] }],
        (experiment_ids) => ['POST', `${api}/logged-models/search`, { experiment_ids }],
        (given) => ['POST', `${api3}/traces/search`, { locations: given.map(location) }],
      ]
      for (const search of searches) {
        await ask(...search(ids))
        for (const count of [10_001, 33_000, 70_000]) await refused(search(many(count, String)), /at most 10000/)
      }
      for (const count of [33_000, 70_000]) {
        const datasets = many(count, (index) => ({ dataset_name: `${index}` }))
        await refused(
          ['POST', `${api}/logged-models/search`, { experiment_ids: ['0'], datasets }],
          /'datasets'.*at most 100/,
        )
        for (const path of ['traces/batchGet', 'traces/batchGetInfos']) {
          const query = many(count / 10, (index) => `trace_ids=${index}`).join('&')
          expect([400, 414, 431, 404]).toContain((await app.fetch(`${api3}/${path}?${query}`)).status)
        }
        const gone = { experiment_id: '0', request_ids: many(count, String) }
        await refused(['POST', `${api}/traces/delete-traces`, gone], /At most 1000/)
        const linked = { trace_ids: many(count, String), run_id: runId }
        await refused(['POST', `${api}/traces/link-to-run`, linked], /more than 100/)
      }
      const datasets = many(100, (index) => ({ dataset_name: `${index}`, dataset_digest: 'd' }))
      const measured = many(50, (index) => `metrics.m${index} > 0`).join(' AND ')
      await ask('POST', `${api}/logged-models/search`, { experiment_ids: ['0'], datasets, filter: measured })
      const ordered = many(20, (index) => ({ field_name: `metrics.m${index}` }))
      const all = many(199, (index) => `metrics.m${index} > 0`).join(' AND ')
      const most = { experiment_ids: ids, datasets, filter: all, order_by: ordered }
      await refused(['POST', `${api}/logged-models/search`, most], /too many values/)
      const long = `attributes.run_id IN (${many(10_001, () => "'x'").join(',')})`
      await refused(['POST', `${api}/runs/search`, { experiment_ids: ['0'], filter: long }], /more than 10000 values/)
    })

    it('refuses more tags and datasets than any client has', async () => {
      const tags = tagsOf(10_001)
      await refused(['POST', `${api}/experiments/create`, { name: 'tagged', tags }], /'tags'.*at most 10000/)
      await refused(['POST', `${api}/runs/create`, { experiment_id: '0', tags }], /'tags'.*at most 10000/)
      await refused(['POST', `${api}/registered-models/create`, { name: 'tagged', tags }], /'tags'.*at most 10000/)
      const version = { name: 'one', source: 'mlflow-artifacts:/0/models/m', tags }
      await refused(['POST', `${api}/model-versions/create`, version], /'tags'.*at most 10000/)
      await refused(['POST', `${api}/logged-models`, { experiment_id: '0', tags }], /'tags'.*at most 10000/)
      await refused(['PATCH', `${api}/logged-models/${modelId}/tags`, { tags }], /'tags'.*at most 10000/)
      const trace = { experiment_id: '0', timestamp_ms: 1 }
      await refused(['POST', `${api}/traces`, { ...trace, tags }], /'tags'.*at most 10000/)
      await refused(['POST', `${api}/traces`, { ...trace, request_metadata: tags }], /'tags'.*at most 10000/)
      const inputs = `${api}/runs/log-inputs`
      const datasets = many(1001, (index) => dataset(`${index}`))
      await refused(['POST', inputs, { run_id: runId, datasets }], /'datasets'.*at most 1000/)
      await refused(['POST', inputs, { run_id: runId, datasets: [dataset('d', tagsOf(1001))] }], /'tags'.*at most 1000/)
      const models = many(10_001, (index) => ({ model_id: `m-${index}` }))
      await refused(['POST', inputs, { run_id: runId, models }], /'models'.*at most 10000/)
      await refused(['POST', `${api}/runs/outputs`, { run_id: runId, models }], /'models'.*at most 10000/)
      await ask('POST', `${api}/experiments/create`, { name: 'tagged', tags: tags.slice(1) })
      await ask('POST', inputs, { run_id: runId, datasets: datasets.slice(1) })
    })

    it('refuses a NUL wherever a text is kept or looked for, by the name of its field', async () => {
      const nul = 'a\0b'
      const tag = { key: 'k', value: nul }
      const requests: readonly (readonly [field: string, ...request: Request])[] = [
        ['name', 'POST', `${api}/experiments/create`, { name: nul }],
        ['tags[0].value', 'POST', `${api}/experiments/create`, { name: 'nul', tags: [tag] }],
        ['experiment_name', 'GET', `${api}/experiments/get-by-name?experiment_name=${encoded(nul)}`],
        ['tags[0].value', 'POST', `${api}/runs/create`, { experiment_id: '0', tags: [tag] }],
        ['run_name', 'POST', `${api}/runs/create`, { experiment_id: '0', run_name: nul }],
        ['value', 'POST', `${api}/runs/set-tag`, { run_id: runId, ...tag }],
        ['value', 'POST', `${api}/runs/log-parameter`, { run_id: runId, ...tag }],
        ['params[0].value', 'POST', `${api}/runs/log-batch`, { run_id: runId, params: [tag] }],
        ['metric_key', 'GET', `${api}/metrics/get-history?run_id=${runId}&metric_key=${encoded(nul)}`],
        ['datasets[0].dataset.name', 'POST', `${api}/runs/log-inputs`, { run_id: runId, datasets: [dataset(nul)] }],
        ['name', 'POST', `${api}/logged-models`, { experiment_id: '0', name: nul }],
        ['model_type', 'POST', `${api}/logged-models`, { experiment_id: '0', model_type: nul }],
        ['model_id', 'GET', `${api}/logged-models/%00`],
        ['model_id', 'GET', `/ajax-api/2.0/mlflow/logged-models/%00/artifacts/files?artifact_file_path=a`],
        ['tag_key', 'DELETE', `${api}/logged-models/${modelId}/tags/a%00`],
        ['webhook_id', 'GET', `${api}/webhooks/%00`],
        ['webhook_id', 'DELETE', `${api}/webhooks/%00`],
        ['description', 'PATCH', `${api}/webhooks/${webhookId}`, { description: nul }],
        ['description', 'POST', `${api}/registered-models/create`, { name: 'nul', description: nul }],
        ['description', 'PATCH', `${api}/registered-models/update`, { name: 'one', description: nul }],
        ['name', 'GET', `${api}/registered-models/get?name=${encoded(nul)}`],
        ['description', 'PATCH', `${api}/model-versions/update`, { name: 'one', version: '1', description: nul }],
        ['value', 'PATCH', `${api3}/traces/tr-one/tags`, tag],
        ['tags[0].value', 'POST', `${api}/traces`, { experiment_id: '0', timestamp_ms: 1, tags: [tag] }],
        ['filter', 'POST', `${api}/runs/search`, { experiment_ids: ['0'], filter: `tags.k = '${nul}'` }],
      ]
      for (const [field, ...request] of requests) {
        const { body } = await send(request)
        await refused(request, /NUL/)
        expect(body['message']).toContain(`'${field}'`)
      }
      for (const path of [
        `/get-artifact?run_id=${encoded(nul)}&path=a`,
        `/get-artifact?run_id=${runId}&path=${encoded(nul)}`,
        `/model-versions/get-artifact?name=${encoded(nul)}&version=1&path=a`,
        `/ajax-api/3.0/mlflow/get-trace-artifact?request_id=${encoded(nul)}`,
        `/api/2.0/mlflow-artifacts/artifacts?path=${encoded(nul)}`,
        `/api/2.0/mlflow-artifacts/artifacts/a%00b`,
      ])
        expect((await send(['GET', path])).status, path).toBe(400)
    })

    /** A value that each shape takes. */
    const sample = (shape: Shape): unknown => {
      if (shape.type === 'string') return shape.enum?.[0] ?? 'x'
      if (shape.type === 'integer') return shape.minimum ?? 1
      if (shape.type === 'number') return 1
      if (shape.type === 'boolean') return true
      if (shape.type === 'array') return [sample(shape.items)]
      return Object.fromEntries(Object.entries(shape.properties).map(([key, value]) => [key, sample(value)]))
    }
    const ofOperation = (
      { method, path, input }: RegistryOperationSpec,
      fields: Readonly<Record<string, unknown>>,
    ): Request => {
      const given: Record<string, unknown> = { ...fields }
      for (const key of input.required ?? []) given[key] ??= sample(input.properties[key] ?? { type: 'string' })
      const filled = path.replaceAll(/\{(\w+)\}/g, (_, key: string) => {
        const value = String(given[key])
        delete given[key]
        return encoded(value)
      })
      if (method !== 'GET' && method !== 'DELETE') return [method, own + filled, given]
      const query = Object.entries(given).map(([key, value]) => `${key}=${encoded(String(value))}`)
      return [method, `${own}${filled}?${query.join('&')}`]
    }

    it("refuses a NUL in every text of every operation of Slipway's own", async () => {
      const operations = Object.entries(registryOperations).filter(([each]) => !each.startsWith('import.'))
      for (const [each, spec] of operations)
        for (const [field, shape] of Object.entries(spec.input.properties)) {
          if (shape.type !== 'string' || shape.enum !== undefined) continue
          const { status, body } = await send(ofOperation(spec, { [field]: 'a\0b' }))
          expect([status, body['error']], `${each} ${field}`).toEqual([400, expect.stringContaining(`'${field}'`)])
        }
    })

    it('refuses page tokens that it did not give for the very request', async () => {
      const paged = (path: string, list: string): readonly [string, (token: string) => Request] => [
        list,
        (token) => ['GET', `${api}/${path}&max_results=1&page_token=${encoded(token)}`],
      ]
      const posted = (path: string, list: string, fields: object): readonly [string, (token: string) => Request] => [
        list,
        (token) => ['POST', path, { ...fields, max_results: 1, page_token: token }],
      ]
      const ids = { experiment_ids: ['0'] }
      const location = { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: '0' } }
      const requests = [
        paged('experiments/search?', 'experiments'),
        posted(`${api}/experiments/search`, 'experiments', { filter: "name != 'x'" }),
        posted(`${api}/runs/search`, 'runs', ids),
        posted(`${api}/runs/search`, 'runs', { ...ids, order_by: ['metrics.m'] }),
        posted(`${api}/logged-models/search`, 'models', ids),
        paged('registered-models/search?', 'registered_models'),
        paged('model-versions/search?', 'model_versions'),
        paged('webhooks?', 'webhooks'),
        paged('traces?experiment_ids=0', 'traces'),
        posted(`${api3}/traces/search`, 'traces', { locations: [location], filter: "trace.status = 'OK'" }),
        paged(`metrics/get-history?metric_key=m&run_id=${runId}`, 'metrics'),
        paged(`metrics/get-history?metric_key=m&run_id=${otherRunId}`, 'metrics'),
      ]
      const known: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
        'runs.search': { experimentIds: ['0'] },
        'loggedModels.search': { experimentIds: ['0'] },
        'traces.search': { experimentIds: ['0'] },
        'runs.history': { runId, key: 'm' },
        'webhooks.deliveries': { webhookId },
      }
      const operations = Object.entries(registryOperations).filter(([, spec]) => 'pageToken' in spec.input.properties)
      const all: { readonly request: (token: string) => Request; readonly token: unknown }[] = []
      for (const [list, request] of requests) {
        const { [list]: items, next_page_token: token } = await ask(...request(''))
        expect([(items as unknown[]).length, typeof token], list).toEqual([1, 'string'])
        await ask(...request(String(token)))
        all.push({ request, token })
      }
      for (const [each, spec] of operations) {
        const request = (pageToken: string): Request => ofOperation(spec, { ...known[each], limit: 1, pageToken })
        const { nextPageToken: token } = await ask(...request(''))
        all.push({ request, token })
      }
      // Searches that both APIs have give the same tokens.
      const tokens = [...new Set(all.map(({ token }) => token).filter((token) => typeof token === 'string'))]
      expect(tokens.length).toBeGreaterThan(12)
      const forged = [
        '[1e400,0,0,0]',
        '[1,1,1,0]',
        '[]',
        'null',
        '{"k":["n1","n1","n1","n0"],"h":""}',
        '{"k":["n1e400"],"h":"x"}',
      ].map((text) => Buffer.from(text).toString('base64url'))
      const bent = tokens.map((token) => {
        const { k: keys, h } = JSON.parse(Buffer.from(token, 'base64url').toString()) as { k: string[]; h: string }
        return Buffer.from(JSON.stringify({ k: keys.map((key) => `${key}0`), h })).toString('base64url')
      })
      for (const { request, token: given } of all) {
        const foreign = tokens.filter((token) => token !== given)
        for (const token of [...forged, ...bent, ...foreign, 'x', '='])
          await refused(request(token), /Invalid page token/)
      }
    })

    it('refuses names that no path can name', async () => {
      for (const bad of ['.', '..']) {
        await refused(['POST', `${api}/registered-models/create`, { name: bad }], /model name/)
        await refused(['POST', `${own}/registered-models`, { name: bad }], /model name/)
        await refused(['POST', `${api}/registered-models/rename`, { name: 'one', new_name: bad }], /model name/)
        const alias = { name: 'one', alias: bad, version: '1' }
        await refused(['POST', `${api}/registered-models/alias`, alias], /alias name/)
        const tag = { key: bad, value: 'v' }
        for (const request of [
          ['POST', `${api}/registered-models/set-tag`, { name: 'one', ...tag }],
          ['POST', `${api}/model-versions/set-tag`, { name: 'one', version: '1', ...tag }],
          ['POST', `${api}/runs/set-tag`, { run_id: runId, ...tag }],
          ['POST', `${api}/experiments/set-experiment-tag`, { experiment_id: '0', ...tag }],
          ['PATCH', `${api}/logged-models/${modelId}/tags`, { tags: [tag] }],
          ['PATCH', `${api3}/traces/tr-one/tags`, tag],
          ['POST', `${api}/runs/log-parameter`, { run_id: runId, ...tag }],
        ] as const satisfies readonly Request[])
          await refused(request, /must not resolve to other names/)
      }
    })
  })
}
