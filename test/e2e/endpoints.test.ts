import { mkdtempSync, rmSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { buildOnnx } from '../../src/testing/onnx-builder.ts'
import { identityModel } from '../../src/testing/onnx-models.ts'
import { addModel, inferBody, jsModel } from '../../src/testing/js-models.ts'
import type { TestApp } from '../../src/testing/start-test-app.ts'
import { startTestApp } from '../../src/testing/start-test-app.ts'
import { expectOk, moveAlias, putEndpoint, registerVersion } from './registered-version.ts'

const adds = (amount: number): Record<string, string> => ({ 'model.mjs': addModel(amount) })

/** A model with versions that add 1, 2, …, an alias at the first, and an endpoint that follows it. */
const fraud = async (app: TestApp, versions = 2): Promise<void> => {
  for (let version = 1; version <= versions; version++) await registerVersion(app, 'fraud', adds(version))
  await expectOk(await moveAlias(app, 'fraud', 'champion', 1))
  await expectOk(await putEndpoint(app, 'fraud', { reference: 'models:/fraud@champion' }))
}

interface Answer {
  readonly model_version: string
  readonly outputs: readonly { readonly data: readonly number[] }[]
}

const infer = async (app: TestApp, name = 'fraud', version = ''): Promise<Answer> =>
  (await expectOk(
    await app.post(`/v2/models/${name}${version && `/versions/${version}`}/infer`, inferBody([10])),
  )) as unknown as Answer

/** The version that answers, and what it says to 10. */
const answer = async (app: TestApp, name?: string, version?: string): Promise<[string, number | undefined]> => {
  const { model_version: by, outputs } = await infer(app, name, version)
  return [by, outputs[0]?.data[0]]
}

const rollback = (app: TestApp, body: object = {}): Promise<Response> =>
  app.post('/api/slipway/v1/endpoints/fraud/rollback', body)

const messageOf = async (response: Response): Promise<string> => {
  const { error, message } = (await response.json()) as { error?: string; message?: string }
  return error ?? message ?? ''
}

describe('an endpoint', () => {
  it('serves the version of the alias that it follows, and the next one once the alias has moved', async () => {
    await using app = await startTestApp()
    await fraud(app)
    expect(await answer(app)).toEqual(['1', 11])
    await expectOk(await moveAlias(app, 'fraud', 'champion', 2))
    expect(await answer(app)).toEqual(['2', 12])
    // The earlier one stays in memory, and can still be called by its number.
    expect(await answer(app, 'fraud', '1')).toEqual(['1', 11])
  })

  it('serves from a data folder that is named from where the server was started', async () => {
    // Why here: of a folder further up, the way from where hosts work may happen to be the same.
    const folder = mkdtempSync('slipway-data-')
    onTestFinished(() => rmSync(folder, { recursive: true }))
    await using app = await startTestApp({ flags: ['--data-dir', folder] })
    await registerVersion(app, 'fraud', { 'model.onnx': buildOnnx(identityModel('FP32', [-1, 1])) })
    await expectOk(await moveAlias(app, 'fraud', 'champion', 1))
    await expectOk(await putEndpoint(app, 'fraud', { reference: 'models:/fraud@champion' }))
    expect(await answer(app)).toEqual(['1', 10])
  })

  it('answers every request of a move, each from one of the two versions, and none from the old one afterwards', async () => {
    await using app = await startTestApp()
    await fraud(app)
    let moved = false
    let done = false
    const seen = new Set<string>()
    const late: string[] = []
    const caller = async (): Promise<number> => {
      let count = 0
      for (; !done; count++) {
        const afterMove = moved
        const [version, value] = await answer(app)
        expect(value).toBe(10 + Number(version))
        seen.add(version)
        if (afterMove && version === '1') late.push(version)
      }
      return count
    }
    const callers = Array.from({ length: 4 }, caller)
    for (const version of [2, 1, 2]) {
      moved = false
      await expectOk(await moveAlias(app, 'fraud', 'champion', version))
      moved = version === 2
      for (let i = 0; i < 20; i++) await answer(app)
    }
    done = true
    const counts = await Promise.all(callers)
    expect(counts.every((count) => count > 0)).toBe(true)
    expect([...seen].toSorted()).toEqual(['1', '2'])
    expect(late).toEqual([])
  })

  it('goes back to the version before without a load, and further back when asked again', async () => {
    await using app = await startTestApp()
    await fraud(app, 3)
    for (const version of [2, 3]) await expectOk(await moveAlias(app, 'fraud', 'champion', version))
    const loads = (): number => app.log.filter(({ event }) => event === 'model.ready').length
    const before = loads()
    expect(await expectOk(await rollback(app, { reason: 'too many alarms' }))).toMatchObject({ version: 2 })
    expect(loads()).toBe(before)
    expect(await answer(app)).toEqual(['2', 12])
    expect(await expectOk(await rollback(app))).toMatchObject({ version: 1 })
    expect(await answer(app)).toEqual(['1', 11])
    const refused = await rollback(app)
    expect([refused.status, await messageOf(refused)]).toEqual([
      409,
      expect.stringContaining('no earlier version to go back to'),
    ])
    expect(await expectOk(await rollback(app, { version: '3' }))).toMatchObject({ version: 3 })
    const { items } = await expectOk(await app.fetch('/api/slipway/v1/endpoints/fraud/history'))
    const moves = items as { version: number; cause?: string; reason?: string }[]
    expect(moves.map(({ version }) => version)).toEqual([3, 1, 2, 3, 2, 1])
    expect(moves[2]).toMatchObject({ cause: 'rollback', reason: 'too many alarms' })
    // These models have no input example, which the log tells of each that was loaded.
    const checks = moves.map((move) => (move as { checked?: { checks: string[] }[] }).checked?.[0]?.checks)
    expect(checks).toEqual([
      ['load', 'signature'],
      ['load', 'signature'],
      ['in_memory'],
      ['load', 'signature'],
      ['load', 'signature'],
      undefined,
    ])
    const told = app.log.filter(({ event }) => event === 'endpoint.no_example')
    expect(told[1]?.fields).toMatchObject({
      endpoint: 'fraud',
      version: 2,
      reason: 'no input example: checked only that it loads',
    })
  })

  it('keeps the incumbent when the next version is refused, and says why in the reply, the audit and the log', async () => {
    await using app = await startTestApp()
    await fraud(app, 1)
    const golden = (data: unknown): string =>
      JSON.stringify({
        cases: [
          {
            inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1], data: [1] }],
            outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 1], data }],
          },
        ],
      })
    const broken: [string, Record<string, string>, string][] = [
      ['does not load', { 'model.mjs': 'throw new Error("no weights")' }, 'no weights'],
      ['has no model', { 'notes.txt': 'x' }, 'has none of'],
      ['takes other inputs', { 'model.mjs': addModel(1).replaceAll("'FP32'", "'FP64'") }, 'takes FP64 instead of FP32'],
      ['lost an output', { 'model.mjs': addModel(1).replace("name: 'y'", "name: 'z'") }, "output 'y' is gone"],
      [
        'crashes on its golden case',
        { 'model.mjs': jsModel('process.exit(3)'), 'golden.json': golden([2]) },
        'exited with code 3',
      ],
      ['answers otherwise', { ...adds(5), 'golden.json': golden([2]) }, 'is 6 instead of 2'],
      ['has golden cases that are none', { ...adds(5), 'golden.json': '{"cases":[]}' }, "'cases' are a list"],
    ]
    for (const [what, files, reason] of broken) {
      const version = await registerVersion(app, 'fraud', files)
      const refused = await moveAlias(app, 'fraud', 'champion', version)
      expect([what, refused.status, refused.headers.get('slipway-error')]).toEqual([what, 409, 'promotion_refused'])
      expect(await messageOf(refused)).toContain(reason)
      expect(await answer(app)).toEqual(['1', 11])
      expect(
        app.log.some(
          ({ event, fields }) => event === 'endpoint.move_refused' && String(fields['reason']).includes(reason),
        ),
      ).toBe(true)
    }
    const { items } = await expectOk(await app.fetch('/api/slipway/v1/audit?kind=promotion.refused'))
    expect(items).toHaveLength(broken.length)
    const good = await registerVersion(app, 'fraud', { ...adds(9), 'golden.json': golden([10]) })
    await expectOk(await moveAlias(app, 'fraud', 'champion', good))
    expect(await answer(app)).toEqual([String(good), 19])
  })

  it('refuses a second move while one is under way', async () => {
    await using app = await startTestApp()
    await fraud(app)
    const slow = `await new Promise((resolve) => setTimeout(resolve, 400))\n${addModel(3)}`
    const third = await registerVersion(app, 'fraud', { 'model.mjs': slow })
    const [first, second] = await Promise.all([
      moveAlias(app, 'fraud', 'champion', third),
      moveAlias(app, 'fraud', 'champion', 2),
    ])
    const statuses = [first.status, second.status].toSorted((a, b) => a - b)
    expect(statuses).toEqual([200, 409])
    expect(await messageOf(first.status === 409 ? first : second)).toMatch(/is under way/)
    const told = app.log.filter(({ event }) => event === 'endpoint.move_refused')
    expect(told.map(({ fields }) => fields?.['reason'])).toEqual([expect.stringMatching(/is under way/)])
    expect(await answer(app)).toEqual(first.status === 200 ? ['3', 13] : ['2', 12])
  })

  it('follows versions, the newest one, stages and files of a run', async () => {
    await using app = await startTestApp()
    await registerVersion(app, 'm', adds(1))
    await registerVersion(app, 'm', adds(2))
    await expectOk(await putEndpoint(app, 'pinned', { reference: 'models:/m/1' }))
    await expectOk(await putEndpoint(app, 'newest', { reference: 'models:/m/latest' }))
    const stage = (version: string): Promise<Response> =>
      app.post('/api/2.0/mlflow/model-versions/transition-stage', {
        name: 'm',
        version,
        stage: 'Production',
        archive_existing_versions: true,
      })
    await expectOk(await stage('1'))
    await expectOk(await putEndpoint(app, 'staged', { reference: 'models:/m/production' }))
    expect([await answer(app, 'pinned'), await answer(app, 'newest'), await answer(app, 'staged')]).toEqual([
      ['1', 11],
      ['2', 12],
      ['1', 11],
    ])
    await expectOk(await stage('2'))
    expect(await answer(app, 'staged')).toEqual(['2', 12])
    await registerVersion(app, 'm', adds(3))
    await expect.poll(() => answer(app, 'newest'), { timeout: 20_000 }).toEqual(['3', 13])
    expect(await answer(app, 'pinned')).toEqual(['1', 11])

    const { run } = await expectOk(await app.post('/api/2.0/mlflow/runs/create', { experiment_id: '0' }))
    const { run_id: runId, artifact_uri: uri } = (run as { info: { run_id: string; artifact_uri: string } }).info
    const path = uri.replace('mlflow-artifacts:/', '')
    await app.fetch(`/api/2.0/mlflow-artifacts/artifacts/${path}/model/model.mjs`, { method: 'PUT', body: addModel(7) })
    await expectOk(await putEndpoint(app, 'of-run', { reference: `runs:/${runId}/model` }))
    expect(await answer(app, 'of-run')).toEqual(['1', 17])
  })

  it('is refused for what is not there, with nothing left behind', async () => {
    await using app = await startTestApp({ models: { 'taken/1/model.mjs': addModel(1) } })
    await registerVersion(app, 'fraud', adds(1))
    await registerVersion(app, 'broken', { 'model.mjs': 'throw new Error("no weights")' })
    const cases: [string, string, number][] = [
      ['a', 'models:/nobody/1', 404],
      ['a', 'models:/fraud@champion', 404],
      ['a', 'models:/fraud/7', 404],
      ['a', 'fraud', 400],
      ['a', 'models:/fraud/../../etc', 400],
      ['a', 'file:///etc/passwd', 400],
      ['a', 'runs:/nobody/model', 404],
      ['a', 'models:/broken/1', 400],
      ['taken', 'models:/fraud/1', 409],
      ['.hidden', 'models:/fraud/1', 400],
      ['a%2Fb', 'models:/fraud/1', 400],
    ]
    for (const [name, reference, status] of cases) {
      const response = await putEndpoint(app, name, { reference })
      expect([name, reference, response.status]).toEqual([name, reference, status])
    }
    expect(await expectOk(await app.fetch('/api/slipway/v1/endpoints'))).toEqual({ items: [] })
    expect((await app.fetch('/v2/models/a')).status).toBe(404)
  })

  it('keeps its version from being deleted until it goes itself', async () => {
    await using app = await startTestApp()
    await fraud(app)
    const remove = (): Promise<Response> =>
      app.fetch('/api/slipway/v1/registered-models/fraud/versions/1', { method: 'DELETE' })
    const refused = await remove()
    expect([refused.status, await messageOf(refused)]).toEqual([409, expect.stringContaining('endpoint:fraud')])
    await expectOk(await app.fetch('/api/slipway/v1/endpoints/fraud', { method: 'DELETE' }))
    expect((await app.post('/v2/models/fraud/infer', inferBody([1]))).status).toBe(404)
    await expectOk(await remove())
  })

  it('is not changed by files that are deployed or loaded under its name', async () => {
    await using app = await startTestApp()
    await fraud(app)
    const deploy = app.fetch('/api/slipway/v1/models/fraud/versions?file=model.mjs', {
      method: 'POST',
      body: addModel(9),
    })
    const files = { 'file:1/model.mjs': Buffer.from(addModel(9)).toString('base64') }
    const load = app.post('/v2/repository/models/fraud/load', { parameters: { config: '{}', ...files } })
    const remove = app.fetch('/api/slipway/v1/models/fraud', { method: 'DELETE' })
    for (const refused of await Promise.all([deploy, load, remove]))
      expect([refused.status, await messageOf(refused)]).toEqual([409, expect.stringContaining('is an endpoint')])
    // A model repository that gets a folder of the name later doesn't either.
    app.write('fraud/7/model.mjs', addModel(7))
    await expectOk(await app.post('/v2/repository/models/fraud/load', {}))
    expect(await answer(app)).toEqual(['1', 11])
    const { answers } = await expectOk(await app.fetch('/api/slipway/v1/models/fraud'))
    expect(answers).toBe('1')
  })

  it('is known as soon as it is made, also where nobody waits for its load', async () => {
    await using app = await startTestApp()
    await registerVersion(app, 'many', adds(1))
    const names = Array.from({ length: 12 }, (_, index) => `many-${index}`)
    const statuses = await Promise.all(
      names.map(async (name) => {
        await expectOk(await putEndpoint(app, name, { reference: 'models:/many/1', wait: false }))
        return (await app.fetch(`/v2/models/${name}/ready`)).status
      }),
    )
    expect(new Set(statuses).difference(new Set([200, 503]))).toEqual(new Set())
  })

  it('tells those who call it why it does not serve', async () => {
    await using app = await startTestApp()
    await registerVersion(app, 'broken', { 'model.mjs': 'throw new Error("no weights")' })
    await expectOk(await putEndpoint(app, 'broken', { reference: 'models:/broken/1', wait: false }))
    const ask = async (): Promise<[number, string]> => {
      const response = await app.post('/v2/models/broken/infer', inferBody([1]))
      return [response.status, await messageOf(response)]
    }
    expect((await ask())[0]).toBe(503)
    await expect.poll(ask, { timeout: 20_000 }).toEqual([503, expect.stringContaining('no weights')])
    const failures = app.log.filter(({ event }) => event === 'model.load_failed')
    expect(failures.map(({ fields }) => fields['reason'])).toContainEqual(
      expect.stringMatching(/^failed to load 'broken': (?!failed to load).*no weights/),
    )
    // A move that may mend it isn't held up by what is there.
    await registerVersion(app, 'broken', adds(2))
    await expectOk(await putEndpoint(app, 'broken', { reference: 'models:/broken/2' }))
    expect(await answer(app, 'broken')).toEqual(['2', 12])
  })
})
