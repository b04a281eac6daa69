import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { addModel, eventually, inferBody, jsModel, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { memoryOf } from './memory-of.ts'

const answerOf = async (app: TestApp, model: string, version = ''): Promise<unknown> => {
  const path = version === '' ? `/v2/models/${model}/infer` : `/v2/models/${model}/versions/${version}/infer`
  const response = await app.post(path, inferBody([10]))
  const body = (await response.json()) as { outputs?: { data: number[] }[]; error?: string }
  return body.outputs?.[0]?.data[0] ?? body.error
}

const index = async (app: TestApp): Promise<string[]> => {
  const rows = (await (await app.post('/v2/repository/index')).json()) as {
    name: string
    version: string
    state: string
  }[]
  return rows.map((row) => `${row.name}/${row.version} ${row.state}`)
}

const load = (app: TestApp, model: string, parameters: Readonly<Record<string, unknown>> = {}): Promise<Response> =>
  app.post(`/v2/repository/models/${model}/load`, { parameters })

const broken = 'export const nothing = 1\n'

describe('versions', () => {
  const models = { 'm/1/model.mjs': addModel(1), 'm/2/model.mjs': addModel(2), 'm/3/model.mjs': addModel(3) }

  it.each([
    ['nothing said', undefined, ['m/1 UNAVAILABLE', 'm/2 UNAVAILABLE', 'm/3 READY']],
    ['latest two', 'version_policy { latest { num_versions: 2 } }', ['m/1 UNAVAILABLE', 'm/2 READY', 'm/3 READY']],
    ['all', 'version_policy: { all {} }', ['m/1 READY', 'm/2 READY', 'm/3 READY']],
    ['specific', 'version_policy { specific { versions: [1, 3, 9] } }', ['m/1 READY', 'm/2 UNAVAILABLE', 'm/3 READY']],
  ])('that serve with the policy: %s', async (_, policy, expected) => {
    await using app = await startTestApp({
      models: policy === undefined ? models : { ...models, 'm/config.pbtxt': policy },
    })
    expect(await index(app)).toEqual(expected)
    expect(await answerOf(app, 'm')).toBe(13)
    for (const row of expected) {
      const version = row.slice(2, 3)
      expect((await app.fetch(`/v2/models/m/versions/${version}/ready`)).status).toBe(
        row.endsWith('READY') && !row.endsWith('UNREADY') && !row.includes('UNAVAILABLE') ? 200 : 503,
      )
    }
  })

  it('a new version that is broken never displaces the one that serves', async () => {
    await using app = await startTestApp({ models: { 'm/1/model.mjs': addModel(1) } })
    app.write('m/2/model.mjs', broken)
    const response = await load(app, 'm')
    expect(response.status).toBe(400)
    expect(await response.text()).toMatch(/failed to load 'm'.*must export a function predict/)
    expect(await answerOf(app, 'm')).toBe(11)
    expect(await index(app)).toEqual(['m/1 READY', 'm/2 UNAVAILABLE'])
    app.write('m/3/model.mjs', addModel(3))
    expect((await load(app, 'm')).status).toBe(200)
    expect(await answerOf(app, 'm')).toBe(13)
    const expected = ['m/1 UNAVAILABLE', 'm/2 UNAVAILABLE', 'm/3 READY']
    await eventually('the old version is gone', async () =>
      (await index(app)).join() === expected.join() ? true : undefined,
    )
  })

  it('an older version is not asked for, also beside a newest one that is broken', async () => {
    await using app = await startTestApp({ models: { 'm/1/model.mjs': addModel(1), 'm/2/model.mjs': broken } })
    const rows = (await (await app.post('/v2/repository/index')).json()) as { reason: string }[]
    expect(rows.map(({ reason }) => reason)).toEqual([
      'not asked for by the version policy',
      expect.stringMatching(/must export a function predict/),
    ])
  })

  it('a version whose file changed is loaded again; one that did not is left alone', async () => {
    await using app = await startTestApp({ models: { 'm/1/model.mjs': addModel(1) } })
    expect((await load(app, 'm')).status).toBe(200)
    expect(app.log.filter((line) => line.event === 'model.ready').length).toBe(1)
    app.write('m/1/model.mjs', addModel(500))
    expect((await load(app, 'm')).status).toBe(200)
    expect(await answerOf(app, 'm')).toBe(510)
  })

  it('a broken config.pbtxt is told with its line and hurts no other model', async () => {
    await using app = await startTestApp({
      models: {
        'm/1/model.mjs': addModel(1),
        'n/1/model.mjs': addModel(2),
        'm/config.pbtxt': 'max_batch_size: 4\nmax_batch: 5',
      },
    })
    expect(await answerOf(app, 'm')).toMatch(/config.pbtxt: line 2: unknown field 'max_batch'/)
    expect(await answerOf(app, 'n')).toBe(12)
    expect((await app.fetch('/v2/health/ready')).status).toBe(200)
  })
})

describe('loading and unloading on request', () => {
  it('with strict readiness the server is not ready while a model is broken, and its probes are', async () => {
    await using app = await startTestApp({
      models: { 'good/1/model.mjs': addModel(1), 'bad/1/model.mjs': 'broken' },
      flags: ['--serving.strict-readiness'],
    })
    const readiness = async (): Promise<number[]> =>
      Promise.all(['/v2/health/ready', '/readyz'].map(async (path) => (await app.fetch(path)).status))
    expect(await readiness()).toEqual([503, 200])
    app.write('bad/1/model.mjs', addModel(2))
    expect((await app.post('/v2/repository/models/bad/load')).status).toBe(200)
    expect(await readiness()).toEqual([200, 200])
    expect((await app.post('/v2/repository/models/bad/unload')).status).toBe(200)
    expect(await readiness()).toEqual([200, 200])
  })

  it('explicit control loads nothing by itself, and what is named at start', async () => {
    const models = { 'a/1/model.mjs': addModel(1), 'b/1/model.mjs': addModel(2) }
    await using app = await startTestApp({ models, flags: ['--model-control', 'explicit', '--load-model', 'b'] })
    expect(await index(app)).toEqual(['a/1 UNAVAILABLE', 'b/1 READY'])
    expect((await load(app, 'a')).status).toBe(200)
    expect(await answerOf(app, 'a')).toBe(11)
    expect((await app.post('/v2/repository/models/a/unload')).status).toBe(200)
    expect(await answerOf(app, 'a')).toMatch(/is not ready: unloaded/)
    expect((await app.fetch('/v2/models/a/ready')).status).toBe(503)
  })

  it('the gauges of an unloaded version fall to nothing', async () => {
    await using app = await startTestApp({ models: { 'm/1/model.mjs': addModel(1) } })
    const gauge = async (name: string): Promise<number> => {
      const text = await (await app.fetch('/metrics')).text()
      return Number(new RegExp(`^${name}\\{model="m",version="1"\\} (\\d+)$`, 'm').exec(text)?.[1])
    }
    expect(await gauge('slipway_host_memory_bytes')).toBeGreaterThan(10_000_000)
    expect(await gauge('slipway_version_ready')).toBe(1)
    expect((await app.post('/v2/repository/models/m/unload')).status).toBe(200)
    await eventually('it has ended', async () => ((await gauge('slipway_host_memory_bytes')) === 0 ? true : undefined))
    expect(await gauge('slipway_version_ready')).toBe(0)
  })

  it('a configuration in the request wins over the file, until the next load without one', async () => {
    await using app = await startTestApp({ models: { 'm/1/model.mjs': addModel(1), 'm/2/model.mjs': addModel(2) } })
    const config = JSON.stringify({ max_batch_size: 3, version_policy: { specific: { versions: ['1'] } } })
    expect((await load(app, 'm', { config })).status).toBe(200)
    expect(await answerOf(app, 'm')).toBe(11)
    expect(await (await app.fetch('/v2/models/m/config')).json()).toMatchObject({ max_batch_size: 3 })
    const tooMany = await app.post('/v2/models/m/infer', inferBody([1, 2, 3, 4]))
    expect(await tooMany.text()).toMatch(/batch-size must be <= 3/)
    expect((await load(app, 'm')).status).toBe(200)
    expect(await answerOf(app, 'm')).toBe(12)
    expect((await app.post('/v2/models/m/infer', inferBody(Array.from({ length: 500 }, () => 1)))).status).toBe(200)
  })

  it('the index tells what a version is doing, and it is ready only while it serves', async () => {
    await using app = await startTestApp()
    const begun = join(app.dataDir, 'begun')
    const latches = ['load', 'run'].map((name) => join(app.dataDir, name))
    const [loaded = '', answered = ''] = latches
    const until = (path: string): string =>
      `while (!existsSync(${JSON.stringify(path)})) await new Promise((done) => setTimeout(done, 10))`
    app.write(
      'm/1/model.mjs',
      `import { existsSync, writeFileSync } from 'node:fs'
${until(loaded)}
${jsModel(`if (x.data[0] === 10) { writeFileSync(${JSON.stringify(begun)}, ''); ${until(answered)} } return Array.from(x.data)`)}`,
    )
    const seen = async (): Promise<string> =>
      `${(await index(app)).join()} ${(await app.fetch('/v2/models/m/ready')).status}`
    const loading = load(app, 'm')
    await eventually('it loads', async () => ((await seen()) === 'm/1 LOADING 503' ? true : undefined))
    writeFileSync(loaded, '')
    expect((await loading).status).toBe(200)
    expect(await seen()).toBe('m/1 READY 200')
    const inside = answerOf(app, 'm')
    await eventually('a request is inside', () => (existsSync(begun) ? true : undefined))
    expect((await app.post('/v2/repository/models/m/unload')).status).toBe(200)
    expect(await seen()).toBe('m/1 UNLOADING 503')
    writeFileSync(answered, '')
    expect(await inside).toBe(10)
    await eventually('it is gone', async () => ((await seen()) === 'm/1 UNAVAILABLE 503' ? true : undefined))
  })

  it('a load that fails is told in the index until the next one that does not', async () => {
    await using app = await startTestApp({ models: { 'm/1/model.mjs': addModel(1) } })
    const row = async (): Promise<unknown> => ((await (await app.post('/v2/repository/index')).json()) as unknown[])[0]
    expect((await load(app, 'm', { config: '{"backend":"onnxruntime"}' })).status).toBe(400)
    expect(await row()).toMatchObject({ state: 'READY', reason: expect.stringContaining('has none of') as unknown })
    expect((await load(app, 'm')).status).toBe(200)
    expect(await row()).toMatchObject({ state: 'READY', reason: '' })
  })

  it('files in the request make a model, which is there after a restart of the folder scan', async () => {
    await using app = await startTestApp({})
    const file = (amount: number): string => Buffer.from(addModel(amount)).toString('base64')
    expect((await load(app, 'fresh', { config: '{"backend":"js"}', 'file:1/model.mjs': file(7) })).status).toBe(200)
    expect(await answerOf(app, 'fresh')).toBe(17)
    expect((await load(app, 'fresh', { config: '{"backend":"js"}', 'file:2/model.mjs': file(8) })).status).toBe(200)
    expect(await answerOf(app, 'fresh')).toBe(18)
  })

  it('warm-up runs before a version is ready, and a sample that fails keeps it out', async () => {
    const counting = jsModel(
      'globalThis.runs = (globalThis.runs ?? 0) + 1; return Array.from(x.data, () => globalThis.runs)',
    )
    const config = `model_warmup { name: "w" batch_size: 2 count: 3 inputs { key: "x" value { data_type: TYPE_FP32 dims: [1] random_data: true } } }`
    const failing = jsModel('if (x.data.length === 2) throw new Error("cold"); return Array.from(x.data)')
    await using app = await startTestApp({
      models: {
        'm/1/model.mjs': counting,
        'm/config.pbtxt': config,
        'f/1/model.mjs': failing,
        'f/config.pbtxt': config,
      },
    })
    expect(await answerOf(app, 'm')).toBe(4)
    expect(await answerOf(app, 'f')).toMatch(/failed to load 'f'.*cold/)
  })

  it('a file of a warm-up sample has one row, which is repeated, or all of them', async () => {
    const input = (file: string): string =>
      `max_batch_size: 8 model_warmup { name: "w" batch_size: 3 inputs { key: "x" value { data_type: TYPE_FP32 dims: [1] input_data_file: "${file}" } } }`
    const seen = jsModel(
      'globalThis.seen ??= Number([...x.data].join("")); return Array.from(x.data, () => globalThis.seen)',
    )
    await using app = await startTestApp({
      models: {
        'one/1/model.mjs': seen,
        'one/config.pbtxt': input('row'),
        'one/warmup/row': new Uint8Array(Float32Array.of(7).buffer),
        'long/1/model.mjs': seen,
        'long/config.pbtxt': input('rows'),
        'long/warmup/rows': new Uint8Array(Float32Array.of(7, 8).buffer),
        'all/1/model.mjs': seen,
        'all/config.pbtxt': input('rows'),
        'all/warmup/rows': new Uint8Array(Float32Array.of(7, 8, 9).buffer),
        'short/1/model.mjs': seen,
        'short/config.pbtxt': input('part'),
        'short/warmup/part': new Uint8Array(3),
      },
    })
    for (const [model, rows] of Object.entries({ one: 777, long: 777, all: 789 }))
      expect(await answerOf(app, model)).toBe(rows)
    app.write('long/config.pbtxt', input('gone'))
    expect(await (await load(app, 'long')).json()).toEqual({
      error: "failed to load 'long': gone can't be read: there is no such file",
    })
    expect(await answerOf(app, 'short')).toMatch(/failed to load 'short': tensor 'x'.*takes 4 bytes, got 3/)
  })

  it('several instances share the work', async () => {
    const slow = jsModel(
      'await new Promise((done) => setTimeout(done, 150)); return Array.from(x.data, () => process.pid)',
    )
    await using app = await startTestApp({
      models: { 'm/1/model.mjs': slow, 'm/config.pbtxt': 'max_batch_size: 1 instance_group { count: 3 }' },
    })
    const answers = await Promise.all(Array.from({ length: 3 }, () => answerOf(app, 'm')))
    expect(new Set(answers).size).toBe(3)
  })

  it.each([
    ['availability', 'while the old one serves', 1],
    ['resource', 'once the old one has ended', 0],
  ])('with swap %s a new version loads %s', async (swap, _, others) => {
    await using app = await startTestApp({ flags: ['--serving.swap', swap] })
    const note = join(app.dataDir, 'pid')
    // Tells whether the host that loaded before it is still there.
    const looking = `
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
const isThere = (pid) => { try { process.kill(pid, 0); return true } catch { return false } }
const others = existsSync(${JSON.stringify(note)}) && isThere(Number(readFileSync(${JSON.stringify(note)}, 'utf8'))) ? 1 : 0
writeFileSync(${JSON.stringify(note)}, String(process.pid))
${jsModel('return Array.from(x.data, () => others)')}`
    app.write('m/1/model.mjs', looking)
    expect((await load(app, 'm')).status).toBe(200)
    expect(await answerOf(app, 'm', '1')).toBe(0)
    app.write('m/2/model.mjs', looking)
    expect((await load(app, 'm')).status).toBe(200)
    expect(await answerOf(app, 'm', '2')).toBe(others)
  })
})

describe('following the folders', () => {
  it('poll control picks up new, changed and removed models', async () => {
    await using app = await startTestApp({
      models: { 'a/1/model.mjs': addModel(1) },
      flags: ['--model-control', 'poll', '--serving.poll-interval-ms', '20ms'],
    })
    app.write('.new/1/model.mjs', addModel(5))
    renameSync(join(app.repository, '.new'), join(app.repository, 'b'))
    await eventually('the new model serves', async () => ((await answerOf(app, 'b')) === 15 ? true : undefined))
    mkdirSync(join(app.repository, 'a', 'part'))
    app.write('a/part/model.mjs', addModel(2))
    renameSync(join(app.repository, 'a', 'part'), join(app.repository, 'a', '2'))
    await eventually('the new version serves', async () => ((await answerOf(app, 'a')) === 12 ? true : undefined))
    rmSync(join(app.repository, 'b'), { recursive: true })
    await eventually('the removed model is gone', async () =>
      String(await answerOf(app, 'b')).includes('unknown model') ? true : undefined,
    )
  })
})

describe('many models in little memory', () => {
  it('unloads the least recently used and loads it again when asked', async () => {
    const models = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`m${i}/1/model.mjs`, addModel(i)]))
    await using app = await startTestApp({
      models,
      flags: ['--model-control', 'explicit', '--serving.memory.budget-bytes', '200MiB'],
    })
    for (let i = 0; i < 6; i++) {
      expect((await load(app, `m${i}`)).status).toBe(200)
      expect(await answerOf(app, `m${i}`)).toBe(10 + i)
      const { usedBytes, budgetBytes } = await memoryOf(app)
      expect(usedBytes).toBeLessThanOrEqual(budgetBytes)
    }
    const ready = (await index(app)).filter((row) => row.endsWith(' READY')).length
    expect(ready).toBeGreaterThan(0)
    expect(ready).toBeLessThan(6)
    expect((await app.fetch('/v2/models/m0/ready')).status, 'it answers, after loading').toBe(200)
    for (let round = 0; round < 2; round++)
      for (let i = 0; i < 6; i++) expect(await answerOf(app, `m${i}`)).toBe(10 + i)
  })

  it('refuses a model that fits in no way, and the others go on', async () => {
    await using app = await startTestApp({
      models: { 'a/1/model.mjs': addModel(1) },
      flags: ['--serving.memory.budget-bytes', '110MiB'],
    })
    app.write('big/1/model.mjs', `${addModel(2)}\n//${'x'.repeat(60 * 1024 * 1024)}`)
    const response = await load(app, 'big')
    expect(response.status).toBe(429)
    expect(response.headers.get('slipway-error')).toBe('memory_budget_exceeded')
    expect(await answerOf(app, 'a')).toBe(11)
  })
})

describe('swapping under load', () => {
  it('answers every request from one of the versions, and none from the old one after the switch', async () => {
    await using app = await startTestApp({ models: { 'm/1/model.mjs': addModel(1) } })
    let running = true
    const seen: unknown[] = []
    const client = async (): Promise<void> => {
      while (running) seen.push(await answerOf(app, 'm'))
    }
    const clients = Array.from({ length: 8 }, client)
    for (let version = 2; version <= 8; version++) {
      app.write(`m/${version}/model.mjs`, addModel(version))
      expect((await load(app, 'm')).status).toBe(200)
      expect(await answerOf(app, 'm')).toBe(10 + version)
    }
    running = false
    await Promise.all(clients)
    expect(seen.length).toBeGreaterThan(100)
    expect(seen.filter((answer) => typeof answer !== 'number')).toEqual([])
  })
})

describe('a model repository', () => {
  it('that is not there is told at start, by its whole path, and the server serves the others', async () => {
    await using app = await startTestApp({ flags: ['--model-repository', 'no-such-models'] })
    expect(app.log.filter(({ event }) => event === 'model_repository.missing').map(({ fields }) => fields)).toEqual([
      { folder: resolve('no-such-models'), hint: 'there is no such folder; check --model-repository' },
    ])
    expect((await app.fetch('/readyz')).status).toBe(200)
  })
})
