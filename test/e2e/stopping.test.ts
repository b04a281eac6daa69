import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { addModel, eventually, inferBody, jsModel, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { hosts } from './hosts.ts'

/** Bodies of models that take far longer than any limit of these servers, but for the zeros that a load tries. */
const endless = 'if (x.data[0] !== 0) await new Promise((done) => setTimeout(done, 30_000)); return Array.from(x.data)'
const computing =
  'for (const until = Date.now() + 30_000; x.data[0] !== 0 && Date.now() < until;); return Array.from(x.data)'

/** What a stop may take whose limit is 300 ms. */
const soonMs = 4000

const flags = ['--shutdown-timeout-ms=300', '--serving.host.run-timeout-ms=60s', '--serving.deadline.default-ms=60s']

/** A request that is being run; tells how it ended. */
const begin = async (app: TestApp, model: string): Promise<{ readonly end: Promise<unknown> }> => {
  const end = app.post(`/v2/models/${model}/infer`, inferBody([1])).then(
    (response) => response.status,
    () => 'cut',
  )
  await eventually('it runs', async () =>
    (await (await app.fetch('/metrics')).text()).includes(`slipway_in_flight{model="${model}",version="1"} 1\n`)
      ? true
      : undefined,
  )
  return { end }
}

const stopTime = async (app: TestApp): Promise<number> => {
  const startedAt = performance.now()
  await app.stop()
  return performance.now() - startedAt
}

describe('a stop', () => {
  it.each([
    ['waits', endless],
    ['computes', computing],
  ])('is in time though a model %s for half a minute', async (_, body) => {
    const app = await startTestApp({ models: { 'm/1/model.mjs': jsModel(body) }, flags })
    const inside = await begin(app, 'm')
    expect(await stopTime(app)).toBeLessThan(soonMs)
    expect(await inside.end).not.toBe(200)
    expect(hosts()).toEqual([])
  })

  it('is in time though a model was unloaded and still runs, and another is replaced', async () => {
    const app = await startTestApp({
      models: { 'out/1/model.mjs': jsModel(computing), 'old/1/model.mjs': jsModel(endless) },
      flags,
    })
    const inside = [await begin(app, 'out'), await begin(app, 'old')]
    expect((await app.post('/v2/repository/models/out/unload')).status).toBe(200)
    app.write('old/1/model.mjs', addModel(1))
    expect((await app.post('/v2/repository/models/old/load')).status).toBe(200)
    expect(hosts()).toHaveLength(3)
    expect(await stopTime(app)).toBeLessThan(soonMs)
    for (const { end } of inside) expect(await end).not.toBe(200)
    expect(hosts()).toEqual([])
  })

  it('is in time though a model loads for half a minute', async () => {
    const app = await startTestApp({ flags })
    app.write('m/1/model.mjs', `for (const until = Date.now() + 30_000; Date.now() < until;);\n${addModel(1)}`)
    const loading = app.post('/v2/repository/models/m/load').then(
      (response) => response.status,
      () => 'cut',
    )
    await eventually('the host has started', () => (hosts().length === 1 ? true : undefined))
    expect(await stopTime(app)).toBeLessThan(soonMs)
    expect(await loading).not.toBe(200)
    expect(hosts()).toEqual([])
  })

  it('by SIGTERM ends the process in time, and leaves no folder behind', async () => {
    const root = mkdtempSync(join(tmpdir(), 'slipway-stopping-'))
    const scratch = join(root, 'scratch')
    for (const folder of [scratch, join(root, 'models/m/1')]) mkdirSync(folder, { recursive: true })
    writeFileSync(join(root, 'models/m/1/model.mjs'), jsModel(computing))
    const ready = join(root, 'ready.json')
    const places = { 'data-dir': 'data', 'model-repository': 'models', 'ready-file': 'ready.json' }
    const server = spawn(
      process.execPath,
      [
        'bin/slipway.mjs',
        'up',
        '--port=0',
        '--grpc-port=0',
        '--mlflow-port=off',
        ...flags,
        ...Object.entries(places).map(([flag, place]) => `--${flag}=${join(root, place)}`),
      ],
      { stdio: 'ignore', env: { ...process.env, TMPDIR: scratch } },
    )
    const exited = new Promise<number | null>((resolve) => server.on('exit', resolve))
    const { http } = await eventually('the server is ready', () =>
      existsSync(ready) ? (JSON.parse(readFileSync(ready, 'utf8')) as { http: string }) : undefined,
    )
    const inside = fetch(`${http}/v2/models/m/infer`, { method: 'POST', body: JSON.stringify(inferBody([1])) }).catch(
      () => 'cut',
    )
    await eventually('it runs', async () =>
      /slipway_in_flight\{[^}]*\} 1/.test(await (await fetch(`${http}/metrics`)).text()) ? true : undefined,
    )
    const startedAt = performance.now()
    server.kill('SIGTERM')
    expect(await exited).toBe(0)
    expect(performance.now() - startedAt).toBeLessThan(soonMs)
    expect(await inside).toBe('cut')
    expect(readdirSync(scratch)).toEqual([])
    rmSync(root, { recursive: true, force: true })
  })
})
