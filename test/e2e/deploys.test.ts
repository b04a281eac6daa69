import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { addModel, eventually, inferBody, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { hosts } from './hosts.ts'

const deploy = (app: TestApp, model: string, text: string): Promise<Response> =>
  app.fetch(`/api/slipway/v1/models/${model}/versions?file=model.mjs`, { method: 'POST', body: text })

const loadInline = (app: TestApp, model: string, text: string): Promise<Response> =>
  app.post(`/v2/repository/models/${model}/load`, {
    parameters: { config: '{"backend":"js"}', 'file:1/model.mjs': Buffer.from(text).toString('base64') },
  })

const answerOf = async (app: TestApp, model: string): Promise<number | undefined> => {
  const response = await app.post(`/v2/models/${model}/infer`, inferBody([0.5]))
  const body = (await response.json()) as { outputs?: { data: number[] }[] }
  return response.status === 200 ? body.outputs?.[0]?.data[0] : undefined
}

const broken = 'nonsense('
/** The texts of a model's versions on disk, by number. */
const kept = (app: TestApp, model: string): ReadonlyMap<string, string> => {
  const folder = join(app.dataDir, 'models', model)
  const versions = readdirSync(folder).map(
    (version) => [version, readFileSync(join(folder, version, 'model.mjs'), 'utf8')] as const,
  )
  return new Map(versions)
}

describe('deploys of one model at once', () => {
  it('happen one after another: each is told of its own file, none is lost, and requests go on', async () => {
    await using app = await startTestApp({})
    expect((await deploy(app, 'm', addModel(0))).status).toBe(200)
    let done = false
    const answers = new Set<number | undefined>()
    const asking = (async () => {
      while (!done) answers.add(await answerOf(app, 'm'))
    })()
    const texts = Array.from({ length: 10 }, (_, i) => (i % 3 === 1 ? broken : addModel(i + 1)))
    const responses = await Promise.all(texts.map((text) => deploy(app, 'm', text)))
    done = true
    await asking
    expect(responses.map((response) => response.status)).toEqual(texts.map((text) => (text === broken ? 400 : 200)))
    expect([...answers].filter((answer) => answer === undefined)).toEqual([])
    const good = [addModel(0), ...texts.filter((text) => text !== broken)]
    expect([...kept(app, 'm').values()].toSorted()).toEqual(good.toSorted())
    const [newest = ''] = [...kept(app, 'm')].toSorted(([a], [b]) => Number(b) - Number(a))[0]?.slice(1) ?? []
    expect(newest).toBe(addModel(((await answerOf(app, 'm')) ?? NaN) - 0.5))
    expect(readdirSync(join(app.dataDir, 'models'))).toEqual(['m'])
    await eventually('one host is left', () => (hosts().length === 1 ? true : undefined))
  })

  it('beside loads with files and removals end with the same in memory and on disk', async () => {
    await using app = await startTestApp({})
    const remove = (): Promise<Response> => app.fetch('/api/slipway/v1/models/m', { method: 'DELETE' })
    const changes = Array.from({ length: 18 }, (_, i) => {
      const text = i % 5 === 3 ? broken : addModel(i)
      if (i % 6 === 5) return remove()
      return i % 2 === 0 ? deploy(app, 'm', text) : loadInline(app, 'm', text)
    })
    const statuses = (await Promise.all(changes)).map((response) => response.status)
    for (const [i, status] of statuses.entries()) {
      if (i % 6 === 5) expect([200, 404, 409]).toContain(status)
      else expect(status, `change ${i}`).toBe(i % 5 === 3 ? 400 : 200)
    }
    expect((await deploy(app, 'm', addModel(100))).status).toBe(200)
    expect(await answerOf(app, 'm')).toBe(100.5)
    const versions = [...kept(app, 'm').keys()].map(Number)
    expect(kept(app, 'm').get(String(Math.max(...versions)))).toBe(addModel(100))
    expect([...kept(app, 'm').values()]).not.toContain(broken)
    expect(readdirSync(join(app.dataDir, 'models'))).toEqual(['m'])
  })

  it('does not wait for one whose file is still on its way, which leaves nothing when it is given up', async () => {
    await using app = await startTestApp({})
    const leave = new AbortController()
    const endless = new ReadableStream<Uint8Array>({
      pull: async (stream) => {
        stream.enqueue(new TextEncoder().encode(`//${'x'.repeat(1000)}\n`))
        await new Promise((next) => setTimeout(next, 10))
      },
    })
    const slow = app
      .fetch('/api/slipway/v1/models/m/versions?file=model.mjs', {
        method: 'POST',
        body: endless,
        duplex: 'half',
        signal: leave.signal,
      } as RequestInit)
      .catch(() => undefined)
    const folder = join(app.dataDir, 'models')
    await eventually('the file is on its way', () =>
      readdirSync(folder).some((name) => name.startsWith('.new-')) ? true : undefined,
    )
    expect((await deploy(app, 'm', addModel(1))).status).toBe(200)
    leave.abort()
    await slow
    await eventually('nothing is left of it', () => (readdirSync(folder).join() === 'm' ? true : undefined))
    expect([...kept(app, 'm').keys()]).toEqual(['1'])
    expect(await answerOf(app, 'm')).toBe(1.5)
  })
})

describe('a deploy that is refused', () => {
  const index = async (app: TestApp): Promise<string> => (await app.post('/v2/repository/index')).text()

  it('of a new name leaves nothing but the reason, to the caller and in the log', async () => {
    await using app = await startTestApp({})
    const before = [await index(app), await (await app.fetch('/api/slipway/v1/models')).text()]
    const refused = await deploy(app, 'fresh', broken)
    expect([refused.status, refused.headers.get('slipway-error')]).toEqual([400, 'load_failed'])
    expect(await refused.text()).toMatch(/failed to load 'fresh': .*/)
    expect([await index(app), await (await app.fetch('/api/slipway/v1/models')).text()]).toEqual(before)
    expect(readdirSync(join(app.dataDir, 'models'))).toEqual([])
    expect((await app.post('/v2/models/fresh/infer', inferBody([1]))).status).toBe(404)
    expect(await (await app.fetch('/metrics')).text()).not.toMatch(/model="fresh"/)
    expect(app.log.filter(({ event }) => event === 'model.load_failed')).toMatchObject([
      { level: 'error', fields: { model: 'fresh' } },
    ])
    expect((await deploy(app, 'fresh', addModel(1))).status).toBe(200)
    expect([...kept(app, 'fresh').keys()]).toEqual(['1'])
  })

  it.each(['availability', 'resource'])(
    'of the next version leaves the one before as it was, with swap %s',
    async (swap) => {
      await using app = await startTestApp({ flags: ['--serving.swap', swap] })
      await deploy(app, 'm', addModel(1))
      const before = await index(app)
      expect((await deploy(app, 'm', broken)).status).toBe(400)
      expect(await index(app)).toBe(before)
      expect([...kept(app, 'm').keys()]).toEqual(['1'])
      expect(await answerOf(app, 'm')).toBe(1.5)
      expect(await (await app.fetch('/metrics')).text()).not.toMatch(/model="m",version="2"/)
    },
  )

  it('of a name that an example has leaves the example', async () => {
    await using app = await startTestApp({ flags: ['--example', 'fraud'] })
    const before = await index(app)
    expect((await deploy(app, 'fraud', broken)).status).toBe(400)
    expect(await index(app)).toBe(before)
    expect(readdirSync(join(app.dataDir, 'models'))).toEqual([])
  })
})
