import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { commandList } from '../../src/cli/command-list.ts'
import { addModel, buildOnnx, mlpModel, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { runSlipway } from './run-slipway.ts'
import type { Ran } from './run-slipway.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-cli-'))
let app: TestApp

const slipway = (args: readonly string[], input = ''): Promise<Ran> =>
  runSlipway(app, args, { directory: folder, input })

const file = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

/** The rows of the test that scores values of every kind, as pyarrow writes them, compressed by Snappy. */
const sameParquet =
  'UEFSMRUAFSwVMCwVBBUAFQYVBhwAAAAWVAIAAAAEAQEAAAAAACAAeSnt//////8VABUqFS4sFQQVABUGFQYcAAAAFVACAAAABAED' +
  'AAAAMDA3BAAAAGENLGIVABUOFRIsFQQVABUGFQYcAAAABxgCAAAABAEBFQAVHBUgLBUEFQAVBhUGHAAAAA40AgAAAAQBAADAfwAA' +
  'gP8VBBlcNQAYBnNjaGVtYRUIABUEJQIYAWkAFQwlAhgBcyUATBwAAAAVACUCGAFiABUIJQIYAWYAFgQZHBlMJgAcFQQZJQYAGRgB' +
  'aRUCFgQWUhZWJghJHBUAFQAVAgA8KQYZJgAEAAAAJgAcFQwZJQYAGRgBcxUCFgQWUBZUJl5JHBUAFQAVAgA8Fg4ZBhkmAAQAAAAm' +
  'ABwVABklBgAZGAFiFQIWBBY0FjgmsgFJHBUAFQAVAgA8KQYZJgAEAAAAJgAcFQgZJQYAGRgBZhUCFgQWQhZGJuoBSRwVABUAFQIA' +
  'PCkGGSYABAAAABaYAhYEJggWqAIAKCBwYXJxdWV0LWNwcC1hcnJvdyB2ZXJzaW9uIDI1LjAuMRlMHAAAHAAAHAAAHAAAACUBAABQ' +
  'QVIx'

beforeAll(async () => {
  app = await startTestApp({
    models: {
      'kept/1/model.mjs': addModel(1),
      'few/1/model.mjs': addModel(1),
      'few/config.pbtxt': 'max_batch_size: 3\n',
    },
  })
})

afterAll(async () => {
  await app.stop()
  rmSync(folder, { recursive: true, force: true })
})

describe('the command line', () => {
  it('helps, in general and with every command, each with examples', async () => {
    expect((await slipway(['--help'])).out).toContain('Usage: slipway COMMAND')
    for (const { name, summary } of commandList) {
      const { code, out } = await slipway([name, '--help'])
      expect(code).toBe(0)
      expect(out).toContain(summary)
      expect(out).toMatch(/Examples:\n {2}\S/)
    }
  })

  it.each([
    [['modles'], /unknown command 'modles'; did you mean 'models'\?/],
    [['models', 'dance'], /'dance' is not one of/],
    [['models', 'lod', 'kept'], /'lod' is not one of .*; did you mean 'load'\?/],
    [['models', 'show'], /name of the model is missing/],
    [['deploy', 'x.onnx'], /--name is missing/],
    [['deploy', 'x.txt', '--name', 'x'], /not a model file/],
    [['predict', 'kept', '--inptu', 'x'], /unknown flag --inptu; did you mean '--input'\?/],
    [['predict', 'kept', '--input'], /--input needs a value, as in --input FILE/],
    [['predict', 'kept', '--limit', '1', '--limit', '2'], /--limit is given twice/],
    [['predict', 'kept', '--version', 'newest'], /--version must be a whole number from 1, not 'newest'/],
    [['predict', 'kept', '--output', 'xml'], /not one of table, json, csv/],
    [['bench', 'kept', '--clients', 'many'], /must be a number above 0/],
    [['up', '--config'], /--config needs a value, as in --config FILE/],
    [['up', '--prot', '9000'], /unknown flag --prot; did you mean '--port'/],
    [['config', 'check', '--port', 'x', '--model-control', 'maybe'], /whole number[\s\S]*one of none, poll, explicit/],
  ])('%j is wrong usage: exit code 2 and what to do', async (args, reason) => {
    const { code, err, out } = await slipway(args)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toMatch(reason)
  })

  it.each([
    [['models', 'show', 'nope'], /no model 'nope' is served, and none is registered/],
    [['models', 'unload', 'nope'], /unknown model/],
    [['models', 'rm', 'kept'], /kept in a model repository/],
    [['deploy', 'missing.onnx', '--name', 'x'], /there is no file/],
    [['predict', 'nope', '--input', 'x.csv'], /unknown model/],
    [['predict', 'kept', '--input', 'x.csv'], /'x\.csv' can't be read: there is no such file/],
    [['models', 'policy', 'kept', 'x.yaml'], /'x\.yaml' can't be read: there is no such file/],
    [['package', 'nowhere', '--output', 'x'], /there is no '.*nowhere'/],
    [
      ['package', '.', '--output', 'x'],
      /' has no model\.yaml, the file that says what to package; a short one is\n {2}model: /,
    ],
    [['models', '--server', 'http://127.0.0.1:9'], /no server answers at/],
    [['predict', 'kept', '--version', '9'], /version 9 of model 'kept' is not found; the model has 1/],
    [
      ['predict', 'kept'],
      /standard input is empty; expected rows as JSON, .*\n {2}echo '\[\[0\]\]' \| slipway predict kept/,
    ],
  ])('%j is refused: exit code 1, the reason on stderr, as JSON when asked', async (args, reason) => {
    expect(await slipway(args)).toEqual({ code: 1, out: '', err: expect.stringMatching(reason) as unknown })
    const { code, out, err } = await slipway([...args, '--json'])
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(JSON.parse(err)).toEqual({
      error: { code: expect.stringMatching(/^[a-z_]+$/) as unknown, message: expect.stringMatching(reason) as unknown },
    })
  })

  it('tells what an empty file should have held, with a row that the model takes', async () => {
    const refused = await slipway(['predict', 'kept', '--input', file('empty.csv', ' \n')])
    expect(refused).toMatchObject({ code: 1, out: '' })
    expect(refused.err).toMatch(/empty\.csv' is empty; expected rows as CSV with a head/)
    const [, row = ''] = /echo '(.*)' \|/.exec(refused.err) ?? []
    expect(await slipway(['predict', 'kept', '--output', 'csv'], row)).toEqual({ code: 0, out: 'y\n1\n', err: '' })
  })

  it('deploys, shows, scores, measures and removes a model', async () => {
    const model = file('net.onnx', buildOnnx(mlpModel({ inputs: 2, outputs: 1 })))
    expect((await slipway(['deploy', model, '--name', 'net'])).out).toMatch(/^net version 1 is ready/)
    expect((await slipway(['deploy', model, '--name', 'net'])).out).toMatch(/^net version 2 is ready/)
    expect((await slipway(['models', 'ls'])).out).toMatch(/net\s+2\s+ready\s+onnx/)
    expect((await slipway(['models', 'show', 'net'])).out).toMatch(/input {2}FP32 \[-1, 2\]/)
    const csv = file('rows.csv', 'a,b\n1,2\n3,4\n')
    const scored = await slipway(['predict', 'net', '--input', csv, '--output', 'csv'])
    expect(scored.out).toMatch(/^output\n-?[\d.e-]+\n-?[\d.e-]+\n$/)
    expect(
      (await slipway(['predict', 'net', '--json'], '[{"a":1,"b":2},{"a":3,"b":4}]')).out.trim().split('\n'),
    ).toHaveLength(2)
    expect(await slipway(['predict', 'net', '--input', file('wide.csv', 'a,b,c\n1,2,3\n')])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/takes 2 values a row, the table has 3 columns/) as unknown,
    })
    const measured = await slipway(['bench', 'net', '--seconds', '0.3', '--clients', '4', '--json'])
    expect(JSON.parse(measured.out)).toMatchObject({ failed: 0 })
    expect((await slipway(['models', 'unload', 'net'])).code).toBe(0)
    expect((await slipway(['predict', 'net'], '[1]')).err).toMatch(/not ready/)
    expect((await slipway(['models', 'load', 'net'])).code).toBe(0)
    expect((await slipway(['models', 'rm', 'net'])).out).toBe('net is removed\n')
    expect((await slipway(['models', 'show', 'net'])).code).toBe(1)
  })

  it('puts its key on every request of a load', async () => {
    const keys = new Set<string | undefined>()
    const server = createServer((request, response) => {
      keys.add(request.headers.authorization)
      response.end('{}')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const flags = ['--server', url, '--key', 'secret', '--body', file('body.json', '{}'), '--seconds', '0.1']
      expect(await slipway(['bench', 'net', ...flags])).toMatchObject({ code: 0 })
      expect([...keys]).toEqual(['Bearer secret'])
    } finally {
      server.close()
      server.closeAllConnections()
    }
  })

  it('scores values of every kind from CSV, JSON and Parquet as they are written', async () => {
    const model = `const of = (name, datatype) => ({ name, datatype, shape: [-1, 1] })
export const signature = {
  inputs: [of('i', 'INT64'), of('s', 'BYTES'), of('b', 'BOOL'), of('f', 'FP32')],
  outputs: [of('oi', 'INT64'), of('os', 'BYTES'), of('ob', 'BOOL'), of('of', 'FP32')],
}
export const batched = true
export const predict = ({ i, s, b, f }) => ({ oi: i.data, os: s.data, ob: b.data, of: f.data })`
    expect((await slipway(['deploy', file('same.mjs', model), '--name', 'same'])).code).toBe(0)
    const head = 'i,s,b,f\n'
    const rows = '9007199254740993,007,true,NaN\n-1234567,"a\r,b",false,-Infinity\n'
    const answer = `oi,os,ob,of\n${rows}`
    const scored = await slipway(['predict', 'same', '--input', file('same.csv', head + rows), '--output', 'csv'])
    expect(scored).toEqual({ code: 0, out: answer, err: '' })
    const lines =
      '{"i":9007199254740993,"s":"007","b":true,"f":NaN}\n{"i":-1234567,"s":"a\\r,b","b":false,"f":-Infinity}\n'
    expect(await slipway(['predict', 'same', '--output', 'csv'], lines)).toEqual({ code: 0, out: answer, err: '' })
    expect((await slipway(['predict', 'same', '--json'], lines)).out).toBe(
      '{"oi":9007199254740993,"os":"007","ob":true,"of":NaN}\n{"oi":-1234567,"os":"a\\r,b","ob":false,"of":-Infinity}\n',
    )
    const table = await slipway([
      'predict',
      'same',
      '--input',
      file('same.parquet', Buffer.from(sameParquet, 'base64')),
    ])
    expect(table.out).toMatch(/9007199254740993 +007 +true +NaN\n/)
    expect(table.out).toMatch(/-1234567 +/)
  })

  it('sends no more rows at once than the model takes, and tells apart what is not divided among them', async () => {
    const rows = file('many.csv', `x\n${'1\n'.repeat(7)}`)
    const scored = await slipway(['predict', 'few', '--input', rows, '--output', 'csv'])
    expect(scored).toEqual({ code: 0, out: `y\n${'2\n'.repeat(7)}`, err: '' })
    const model = `export const signature = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }],
  outputs: [{ name: 'three', datatype: 'FP32', shape: [3] }],
}
export const predict = () => ({ three: [1, 2, 3] })`
    expect((await slipway(['deploy', file('three.mjs', model), '--name', 'three'])).code).toBe(0)
    expect((await slipway(['predict', 'three', '--input', rows])).err).toMatch(
      /output 'three' has 3 values, which are not divided among 7 rows/,
    )
  })

  it('names the row and the column of a cell that the model can not take', async () => {
    const csv = file('cells.csv', 'x\n1\n2\nabc\n')
    expect(await slipway(['predict', 'kept', '--input', csv, '--batch', '2'])).toMatchObject({
      code: 1,
      out: '',
      err: `slipway predict: row 2: "abc" in column 'x' is not a FP32\n`,
    })
    expect((await slipway(['predict', 'kept'], '{"x":1}\n{"y":1}')).err).toMatch(/row 1 has no value for 'x'/)
    expect((await slipway(['bench', 'kept', '--body', 'nowhere.json'])).err).toMatch(
      /'nowhere.json' can't be read: there is no such file/,
    )
  })

  it('keeps the version that serves when a deployed file is broken', async () => {
    expect((await slipway(['deploy', file('good.mjs', addModel(5)), '--name', 'm'])).code).toBe(0)
    expect(await slipway(['deploy', file('bad.mjs', 'export const x = 1'), '--name', 'm'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/failed to load 'm'.*must export a function predict/) as unknown,
    })
    expect((await slipway(['predict', 'm', '--output', 'csv'], '[{"x":1}]')).out).toBe('y\n6\n')
    expect(app.log.filter(({ event }) => event === 'model.load_failed').map(({ fields }) => fields)).toContainEqual({
      model: 'm',
      reason: expect.stringMatching(/failed to load 'm'.*must export a function predict/) as unknown,
    })
  })

  it('prints the configuration with where each value comes from', async () => {
    file('slipway.yaml', 'http:\n  port: 9001\ntracing:\n  otlpHeaders: [token=secret]\n')
    const { out } = await slipway(['config', 'print', '--port', '9002', '--json'])
    const shown = JSON.parse(out) as { path: string; value: unknown; source: string }[]
    expect(shown.find((row) => row.path === 'http.port')).toEqual({ path: 'http.port', value: 9002, source: '--port' })
    expect(shown.find((row) => row.path === 'tracing.otlpHeaders')).toMatchObject({ value: '***' })
    expect((await slipway(['config', 'docs'])).out).toContain('# Configuration')
    expect((await slipway(['doctor', '--json'])).out).toContain('ONNX Runtime')
    const checks = (await slipway(['doctor'])).out
    expect(checks).toMatch(/^✓ CUDA: /m)
    expect(checks).toMatch(/^✓ ONNX Runtime: loads, and runs models on the CPU$/m)
  })

  it('refuses to open the doors to everybody', async () => {
    expect(await slipway(['up', '--host', '0.0.0.0', '--port', '0'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/callers are not authenticated/) as unknown,
    })
  })
})
