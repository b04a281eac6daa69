import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createTcpServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { addModel, buildOnnx, identityModel, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { expectOk, moveAlias, putEndpoint, registerVersion } from './registered-version.ts'
import { runSlipway } from './run-slipway.ts'
import type { Ran } from './run-slipway.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-asking-'))
afterAll(() => rmSync(folder, { recursive: true }))

const file = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

const slipway = (app: TestApp, args: readonly string[], input = ''): Promise<Ran> =>
  runSlipway(app, args, { directory: folder, input })

describe('a model that is out of memory for want of room', () => {
  it('is loaded by the commands that ask it, as by any request', async () => {
    const models = { 'a/1/model.mjs': addModel(1), 'b/1/model.mjs': addModel(2), 'c/1/model.mjs': addModel(3) }
    await using app = await startTestApp({ models, flags: ['--serving.memory.budget-bytes', '150MiB'] })
    const states = async (): Promise<string[]> => {
      const rows = (await (await app.post('/v2/repository/index')).json()) as { name: string; state: string }[]
      return rows.filter(({ state }) => state !== 'READY').map(({ name }) => name)
    }
    for (const [name, sum] of Object.entries({ a: 8, b: 9, c: 10 })) {
      const input = '[{"x":7}]'
      expect(await slipway(app, ['predict', name, '--output', 'csv'], input)).toEqual({
        code: 0,
        out: `y\n${sum}\n`,
        err: '',
      })
      const other = (await states()).find((away) => away !== name) ?? ''
      expect(await slipway(app, ['predict', other, '--version', '1', '--json'], input)).toMatchObject({ code: 0 })
    }
    const [away = ''] = await states()
    const measured = await slipway(app, ['bench', away, '--seconds', '0.1', '--clients', '1', '--json'])
    expect(JSON.parse(measured.out)).toMatchObject({ failed: 0 })
  })
})

describe('predict', () => {
  it('sends as many rows at once as a model of a fixed size takes', async () => {
    await using app = await startTestApp({
      models: {
        'one/1/model.onnx': buildOnnx(identityModel('FP32', [1, 3])),
        'two/1/model.onnx': buildOnnx(identityModel('FP32', [2, 3])),
        'flat/1/model.onnx': buildOnnx(identityModel('FP32', [3])),
      },
    })
    const rows = file('rows.csv', 'a,b,c\n1,2,3\n4,5,6\n7,8,9\n10,11,12\n')
    for (const model of ['one', 'two', 'flat'])
      expect(await slipway(app, ['predict', model, '--input', rows, '--output', 'csv'])).toEqual({
        code: 0,
        out: 'y.0,y.1,y.2\n1,2,3\n4,5,6\n7,8,9\n10,11,12\n',
        err: '',
      })
    expect((await slipway(app, ['predict', 'flat'], '[[1,2]]')).err).toMatch(
      /takes 3 values a row, the table has 2 columns/,
    )
    expect(await slipway(app, ['predict', 'flat', '--output', 'csv'])).toMatchObject({
      err: expect.stringContaining("echo '[[0,0,0]]' | slipway predict flat") as unknown,
    })
  })

  it('says how rows can be asked for that it does not take', async () => {
    const undeclared = 'export const signature = { inputs: [], outputs: [] }\nexport const predict = () => ({})\n'
    const models = {
      'wide/1/model.onnx': buildOnnx(identityModel('FP32', [-1, 3])),
      'undeclared/1/model.mjs': undeclared,
    }
    await using app = await startTestApp({ models })
    for (const [args, input, reason] of [
      [['wide'], '[{"row":[1,2]}]', 'takes 3 values a row, the table has 1 column with 2 values: row'],
      [['wide'], 'a,b,c\n1,2,3\n', 'for other rows on standard input add --format csv or parquet'],
      [['undeclared'], '[{"x":1}]', 'no signature; post the rows to /api/slipway/v1/models/undeclared/invocations'],
    ] as const) {
      const { code, err } = await slipway(app, ['predict', ...args], input)
      expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining(reason) as unknown })
    }
    expect((await slipway(app, ['models', 'show', 'undeclared'])).out).toContain('\n  inputs: not declared\n')
  })

  it('reads truth as 1 and 0 where a model takes numbers, as CSV of pandas has it', async () => {
    await using app = await startTestApp({ models: { 'm/1/model.mjs': addModel(1) } })
    for (const [format, input] of [
      ['csv', 'x\nTrue\nFalse\n'],
      ['json', '[{"x":true},{"x":false}]'],
    ] as const)
      expect(await slipway(app, ['predict', 'm', '--format', format, '--output', 'csv'], input)).toEqual({
        code: 0,
        out: 'y\n2\n1\n',
        err: '',
      })
  })

  it('refuses a CSV that names a column twice: of two, one would be left out', async () => {
    await using app = await startTestApp({ models: { 'm/1/model.onnx': buildOnnx(identityModel('FP32', [-1, 2])) } })
    const input = file('twice.csv', 'a,a,b\n1,2,3\n')
    expect(await slipway(app, ['predict', 'm', '--input', input])).toEqual({
      code: 1,
      out: '',
      err: "slipway predict: the csv can't be read: it has two columns named 'a'\n",
    })
  })
})

describe('bench', () => {
  it('draws how the answers are spread, of clients that wait and at a rate', async () => {
    await using app = await startTestApp({ models: { 'm/1/model.mjs': addModel(1) } })
    for (const load of [
      ['--clients', '2'],
      ['--rate', '100'],
    ]) {
      const { code, out, err } = await slipway(app, ['bench', 'm', '--seconds', '0.3', ...load])
      expect({ code, err }).toEqual({ code: 0, err: '' })
      expect(out).toMatch(/^\d+ requests in 0\.\d s: \d+ answers\/s, 0 failed\n/)
      const bars = [...out.matchAll(/^ {2}≤ +[\d.]+ (?:µs|ms|s) {2}(█* *) +([\d.]+) %$/gm)]
      expect(bars.map(([, bar = '']) => bar.trim().length)).toContain(40)
      expect(bars.reduce((sum, [, , share]) => sum + Number(share), 0)).toBeCloseTo(100, 0)
      expect(out).toMatch(/\np50 .* p90 .* p95 .* p99 .* p99\.9 /)
    }
  })

  it('is for clients or at a rate that can be kept', async () => {
    await using app = await startTestApp({ models: { 'm/1/model.mjs': addModel(1) } })
    for (const [args, reason] of [
      [['--clients', '2', '--rate', '5'], /--clients and --rate are two kinds of load; give one/],
      [['--rate', 'Infinity'], /--rate must be a number above 0 and at most 1000000, not 'Infinity'/],
      [['--rate', '1e300'], /at most 1000000/],
      [['--seconds', 'Infinity'], /--seconds must be/],
      [['--clients', '1.5'], /--clients must be a whole number above 0/],
      [['--rows', '0.5'], /--rows must be a whole number above 0/],
      [['--rows', '2', '--body', 'x'], /--rows is for a request of zeros/],
    ] as const) {
      const { code, err } = await slipway(app, ['bench', 'm', ...args])
      expect(err).toMatch(reason)
      expect(code).toBe(2)
    }
  })

  it('speaks TLS with a server of https', async () => {
    let first: number | undefined
    const server = createTcpServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', (bytes) => {
        first ??= bytes[0]
        socket.destroy()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
    const args = ['bench', 'm', '--server', url, '--body', file('body.json', '{}'), '--seconds', '0.05', '--json']
    const { out } = await runSlipway(undefined, args)
    server.close()
    expect(JSON.parse(out)).toMatchObject({ byStatus: { ECONNRESET: expect.any(Number) as unknown } })
    expect(first, 'a handshake').toBe(0x16)
  })

  it('tells on a terminal how far it is', async () => {
    await using app = await startTestApp({ models: { 'm/1/model.mjs': addModel(1) } })
    const args = ['bench', 'm', '--seconds', '1.2', '--clients', '1']
    const { code, err } = await runSlipway(app, args, { terminal: true })
    expect(code).toBe(0)
    expect(err).toMatch(/\r1 of 1\.2 s/)
    expect(err.endsWith('\r\u001b[K')).toBe(true)
  })
})

describe('doctor', () => {
  it('finds a server sick that was named and does not answer, or answers with an error', async () => {
    const away = await runSlipway(undefined, ['doctor', '--server', 'http://127.0.0.1:9'])
    expect(away.code).toBe(1)
    expect(away.out).toMatch(/^✗ server at http:\/\/127\.0\.0\.1:9: no server answers/m)
    const environment = { SLIPWAY_SERVER: 'http://127.0.0.1:9' }
    expect((await runSlipway(undefined, ['doctor', '--json'], { environment })).code).toBe(1)
  })
})

describe('an endpoint and the registered model that it follows', () => {
  it('have names that are easily taken for one another, which is told', async () => {
    await using app = await startTestApp()
    await registerVersion(app, 'churn', { 'model.mjs': addModel(1) })
    await expectOk(await moveAlias(app, 'churn', 'live', 1))
    expect((await slipway(app, ['history', 'churn'])).err).toBe(
      "slipway history: there is no endpoint 'churn', but a registered model; slipway history churn --alias ALIAS tells of an alias\n",
    )
    await expectOk(await putEndpoint(app, 'leavers', { reference: 'models:/churn@live' }))
    expect((await slipway(app, ['history', 'churn'])).err).toContain('a registered model, which leavers follows;')
    expect(await slipway(app, ['promote', 'leavers', '2'])).toEqual({
      code: 1,
      out: '',
      err: "slipway promote: 'leavers' is an endpoint that follows models:/churn@live; slipway promote churn 2 --to live\n",
    })
    expect((await slipway(app, ['promote', 'nobody', '2'])).err).toMatch(/nobody.* not found/)
    expect((await slipway(app, ['history', 'nobody'])).err).toContain("there is no endpoint 'nobody'\n")
    expect((await slipway(app, ['history', 'leavers', '--refused'])).out).toBe('no move of leavers was refused\n')
  })
})
