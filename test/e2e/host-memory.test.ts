import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { allocationBombModel, buildOnnx, eventually, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { hosts } from './hosts.ts'
import { spawnServer } from './spawn-server.ts'

const mebibyte = 1024 ** 2

const jsZeros = `export const signature = {
  inputs: [{ name: 'shape', datatype: 'INT64', shape: [2] }],
  outputs: [{ name: 'output', datatype: 'FP32', shape: [-1, -1] }],
}
export const predict = ({ shape: { data } }) => {
  const shape = [Number(data[0]), Number(data[1])]
  return { output: { shape, data: new Float32Array(shape[0] * shape[1]).fill(1) } }
}
`

const residentOf = (pid: number | string): number =>
  Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096

const asking = (rows: number, columns: number): object => ({
  inputs: [{ name: 'shape', datatype: 'INT64', shape: [2], data: [rows, columns] }],
  parameters: { binary_data_output: true },
})

/** Models that answer as many ones as they are asked for. */
describe.each([
  ['ONNX Runtime', { 'ones/1/model.onnx': buildOnnx(allocationBombModel()) }],
  ['TypeScript', { 'ones/1/model.mjs': jsZeros }],
])('after a large answer a host of %s', (engine, models) => {
  let app: TestApp
  beforeAll(async () => {
    app = await startTestApp({
      models: { ...models, 'ones/config.pbtxt': 'max_batch_size: 0' },
      flags: ['--serving.host.memory-settle-ms', '1s'],
    })
  })
  afterAll(() => app.stop())

  const ask = async (rows: number, columns: number): Promise<number> => {
    const response = await app.post('/v2/models/ones/infer', asking(rows, columns))
    const { byteLength } = await response.arrayBuffer()
    expect(response.status).toBe(200)
    return byteLength
  }
  const residentBytes = (): number => hosts().reduce((sum, pid) => sum + residentOf(pid), 0)

  it('gives its memory back, while small requests go on', async () => {
    await ask(2, 3)
    const before = residentBytes()
    expect(await ask(5000, 10_000)).toBeGreaterThan(200_000_000)
    await eventually('the memory is given back', async () => {
      await ask(2, 3)
      return hosts().length === 1 && residentBytes() < before + 50 * mebibyte ? true : undefined
    })
    const replaced = app.log.filter(({ event }) => event === 'host.recycled')
    expect(replaced).toHaveLength(engine === 'ONNX Runtime' ? 1 : 0)
    for (const { fields } of replaced) expect(fields['memoryBytes']).toBeGreaterThan(before + 150 * mebibyte)
    expect(app.log.filter(({ event }) => event === 'host.crashed')).toEqual([])
  })
})

it('after large answers the server gives its memory back as well', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-large-answers-'))
  const version = join(folder, 'models', 'ones', '1')
  mkdirSync(version, { recursive: true })
  writeFileSync(join(version, 'model.mjs'), jsZeros)
  writeFileSync(join(folder, 'models', 'ones', 'config.pbtxt'), 'max_batch_size: 0')
  const server = await spawnServer(join(folder, 'data'), { flags: ['--model-repository', join(folder, 'models')] })
  try {
    const ask = async (rows: number, columns: number): Promise<number> =>
      (await (await server.post('/v2/models/ones/infer', asking(rows, columns))).arrayBuffer()).byteLength
    await ask(2, 3)
    const before = residentOf(server.pid)
    for (let i = 0; i < 5; i++) expect(await ask(5000, 10_000)).toBeGreaterThan(200_000_000)
    expect(residentOf(server.pid)).toBeGreaterThan(before + 150 * mebibyte)
    await eventually('the memory is given back', () =>
      residentOf(server.pid) < before + 100 * mebibyte ? true : undefined,
    )
  } finally {
    await server.kill()
    rmSync(folder, { recursive: true })
  }
})
