import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildOnnx, convolutionModel, eventually, seededRandom, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'

const channels = 256
const model = buildOnnx(convolutionModel({ channels }))

let root: string

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'slipway-graph-cache-'))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const write = (path: string, content: string | Uint8Array): void => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}

/** A server on folders that outlive it. */
const startIn = (place: string, models: readonly string[], ...flags: string[]): Promise<TestApp> => {
  const repository = join(root, place, 'models')
  for (const name of models) {
    const path = join(repository, name, '1', 'model.onnx')
    if (!existsSync(path)) write(path, model)
  }
  return startTestApp({
    flags: ['--data-dir', join(root, place, 'data'), '--model-repository', repository, ...flags],
  })
}

const graphsOf = (place: string): string[] =>
  readdirSync(join(root, place, 'data', 'graphs')).filter((name) => name.endsWith('.onnx'))

const fieldsOf = (app: TestApp, event: string, name = 'm'): Readonly<Record<string, unknown>>[] =>
  app.log.filter((line) => line.event === event && line.fields['model'] === name).map(({ fields }) => fields)

const isCached = (app: TestApp, name = 'm'): unknown => fieldsOf(app, 'model.ready', name)[0]?.['graphCached']

const untilWritten = (app: TestApp): Promise<unknown> =>
  eventually('the graph is written', () => fieldsOf(app, 'graph_cache.written')[0])

const answer = async (app: TestApp, name = 'm'): Promise<string> => {
  const random = seededRandom(3)
  const data = Array.from({ length: channels * 64 }, () => random.next() - 0.5)
  const inputs = [{ name: 'out0', datatype: 'FP32', shape: [1, channels, 8, 8], data }]
  const response = await app.post(`/v2/models/${name}/infer`, { inputs })
  const text = await response.text()
  expect(response.status, text).toBe(200)
  return JSON.stringify((JSON.parse(text) as { outputs: unknown }).outputs)
}

const signature = async (app: TestApp, name = 'm'): Promise<unknown> => {
  const { inputs, outputs } = (await (await app.fetch(`/v2/models/${name}`)).json()) as Record<string, unknown>
  return { inputs, outputs }
}

/** Hits, misses, and whether bytes are kept. */
const figures = async (app: TestApp): Promise<unknown[]> => {
  const metrics = await (await app.fetch('/metrics')).text()
  const value = (name: string): number =>
    Number(new RegExp(`^slipway_graph_cache_${name} (.+)$`, 'm').exec(metrics)?.[1])
  return [value('hits_total'), value('misses_total'), value('bytes') > 1024 ** 2]
}

describe('the optimised graph of a model', () => {
  it('is written once, used by the next server and by every model of the same bytes, and answers bit by bit the same', async () => {
    const first = await startIn('same', ['m'])
    await untilWritten(first)
    expect(fieldsOf(first, 'graph_cache.written')).toMatchObject([{ kept: true }])
    expect(isCached(first)).toBe(false)
    expect(await figures(first)).toEqual([0, 1, true])
    const expected = [await answer(first), await signature(first)]
    const view = async (app: TestApp): Promise<unknown> =>
      ((await (await app.fetch('/api/slipway/v1/models/m')).json()) as { versions: unknown[] }).versions[0]
    expect(await view(first)).toMatchObject({ graphCached: false })
    await first.stop()
    await using second = await startIn('same', ['m', 'twin'])
    expect([isCached(second), isCached(second, 'twin')]).toEqual([true, true])
    expect(await figures(second)).toEqual([2, 0, true])
    expect(await view(second)).toMatchObject({ graphCached: true })
    expect([await answer(second), await signature(second)]).toEqual(expected)
    expect([await answer(second, 'twin'), await signature(second, 'twin')]).toEqual(expected)
    expect(graphsOf('same')).toHaveLength(1)
  })

  it('that is damaged, or whole but no graph, is dropped and made anew', async () => {
    const first = await startIn('damaged', ['m'])
    await untilWritten(first)
    const expected = await answer(first)
    await first.stop()
    const folder = join(root, 'damaged', 'data', 'graphs')
    const [name = ''] = graphsOf('damaged')
    const bytes = readFileSync(join(folder, name))
    writeFileSync(join(folder, name), bytes.fill(0, bytes.length - 4096))
    const second = await startIn('damaged', ['m'])
    expect(fieldsOf(second, 'graph_cache.dropped')).toMatchObject([
      { reason: expect.stringMatching(/bytes/) as string },
    ])
    expect([isCached(second), await answer(second)]).toEqual([false, expected])
    await untilWritten(second)
    await second.stop()
    const [again = ''] = graphsOf('damaged')
    const nonsense = Buffer.from('nonsense')
    rmSync(join(folder, again))
    writeFileSync(
      join(
        folder,
        `${again.split('-', 2).join('-')}-${nonsense.length}-${crc32(nonsense).toString(16).padStart(8, '0')}.onnx`,
      ),
      nonsense,
    )
    const third = await startIn('damaged', ['m'])
    expect(fieldsOf(third, 'graph_cache.dropped')).toMatchObject([
      { reason: expect.stringMatching(/not ONNX/) as string },
    ])
    expect([isCached(third), await answer(third)]).toEqual([false, expected])
    await third.stop()
  })

  it('is one for each optimisation level', async () => {
    const first = await startIn('options', ['m'])
    await untilWritten(first)
    await first.stop()
    write(join(root, 'options', 'models', 'm', 'config.pbtxt'), 'optimization { graph { level: 1 } }')
    await using second = await startIn('options', ['m'])
    expect(isCached(second)).toBe(false)
    await untilWritten(second)
    expect(fieldsOf(second, 'graph_cache.dropped')).toEqual([])
  })

  it('is not kept beyond the bound, nor at all without one', async () => {
    await using small = await startIn('small', ['m'], '--serving.onnx.graph-cache-bytes-max', '1MiB')
    await untilWritten(small)
    expect(fieldsOf(small, 'graph_cache.written')).toMatchObject([{ kept: false }])
    expect(graphsOf('small')).toEqual([])
    await using none = await startIn('none', ['m'], '--serving.onnx.graph-cache-bytes-max', '0')
    expect(isCached(none)).toBe(false)
    expect(readdirSync(join(root, 'none', 'data'))).not.toContain('graphs')
  })

  it('has no place where a file is in the way: models are served without, and one line says so', async () => {
    write(join(root, 'blocked', 'data', 'graphs'), '')
    await using app = await startIn('blocked', ['m', 'twin'])
    expect(await answer(app)).toBe(await answer(app, 'twin'))
    expect(app.log.filter(({ event }) => event.startsWith('graph_cache'))).toMatchObject([
      { level: 'warn', event: 'graph_cache.unavailable' },
    ])
  })
})
