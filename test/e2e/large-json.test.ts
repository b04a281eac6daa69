import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'

let app: TestApp

beforeAll(async () => {
  app = await startTestApp({
    models: {
      'wide/1/model.echo.json': JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, -1] }] }),
      'ids/1/model.echo.json': JSON.stringify({ inputs: [{ name: 'x', datatype: 'INT64', shape: [-1] }] }),
    },
  })
})

afterAll(() => app.stop())

const infer = (model: string, body: string): Promise<Response> =>
  app.fetch(`/v2/models/${model}/infer`, { method: 'POST', body })

describe('JSON that is read and written on a thread of its own', () => {
  it('means the same as small JSON', async () => {
    const values = Array.from({ length: 300_000 }, (_, index) => index / 7)
    const response = await infer(
      'wide',
      JSON.stringify({ id: 'big', inputs: [{ name: 'x', datatype: 'FP32', shape: [3, 100_000], data: values }] }),
    )
    const answer = (await response.json()) as { id: string; outputs: { shape: number[]; data: number[] }[] }
    expect(answer).toMatchObject({ id: 'big', outputs: [{ shape: [3, 100_000] }] })
    expect(answer.outputs[0]?.data).toEqual(values.map(Math.fround))
  })

  it('keeps every digit of large integers', async () => {
    const digits = Array.from({ length: 50_000 }, (_, index) => `${9_007_199_254_740_993n + BigInt(index)}`)
    const response = await infer(
      'ids',
      `{"inputs":[{"name":"x","datatype":"INT64","shape":[50000],"data":[${digits.join(',')}]}]}`,
    )
    const text = await response.text()
    expect(response.status, text.slice(0, 200)).toBe(200)
    expect(text).toContain(digits.slice(-3).join(','))
  })

  it.each([
    ['cut short', (text: string) => text.slice(0, -100), /failed to parse the request JSON: .* at byte \d+/],
    ['with a text among the numbers', (text: string) => text.replace('[0,', '["a",'), /value 0 .*is not a FP32/],
    ['nested without end', () => '['.repeat(2_000_000), /nesting deeper than 100/],
  ])('is refused %s like small JSON', async (_, damage, reason) => {
    const body = JSON.stringify({
      inputs: [
        {
          name: 'x',
          datatype: 'FP32',
          shape: [1, 200_000],
          data: Array.from({ length: 200_000 }, (__, index) => index),
        },
      ],
    })
    const response = await infer('wide', damage(body))
    expect(response.status).toBe(400)
    expect(await response.text()).toMatch(reason)
  })

  it('is not written beyond its limit, which binary answers do not have', async () => {
    await using own = await startTestApp({
      models: {
        'many/1/model.mjs': `export const signature = {
          inputs: [{ name: 'n', datatype: 'INT64', shape: [1] }],
          outputs: [{ name: 'y', datatype: 'FP64', shape: [-1] }],
        }
        export const predict = ({ n }) => ({ y: { shape: [Number(n.data[0])], data: new Float64Array(Number(n.data[0])).fill(1 / 3) } })`,
      },
      flags: ['--http.json-answer-bytes-max', '800000'],
    })
    const ask = (count: number, more: object = {}): Promise<Response> =>
      own.post(
        '/v2/models/many/infer',
        JSON.stringify({ inputs: [{ name: 'n', datatype: 'INT64', shape: [1], data: [count] }], ...more }),
      )
    const fits = (await (await ask(100_000)).json()) as { outputs: { data: number[] }[] }
    expect(fits.outputs[0]?.data).toHaveLength(100_000)
    const refused = await ask(100_001)
    expect(refused.status).toBe(413)
    expect(((await refused.json()) as { error: string }).error).toMatch(
      /^an answer of 800008 bytes as JSON \(ask for it with "binary_data_output", or by gRPC\) exceeds the limit of 800000/,
    )
    const binary = await ask(100_001, { parameters: { binary_data_output: true } })
    expect(binary.status).toBe(200)
    expect((await binary.arrayBuffer()).byteLength).toBeGreaterThan(800_008)
    const rows = { inputs: { n: [100_001] } }
    const scored = await own.post('/api/slipway/v1/models/many/invocations', rows)
    expect(await scored.json()).toMatchObject({
      message: expect.stringContaining('predictions of 800008 bytes') as string,
    })
    expect(scored.status).toBe(413)
  })

  it('leaves the main thread free for others', async () => {
    const body = JSON.stringify({
      inputs: [
        {
          name: 'x',
          datatype: 'FP32',
          shape: [1, 1_000_000],
          data: Array.from({ length: 1_000_000 }, (_, index) => index / 3),
        },
      ],
    })
    const waits: number[] = []
    let reading = true
    const probing = (async () => {
      while (reading) {
        const startedAt = performance.now()
        await app.fetch('/livez').then((response) => response.text())
        waits.push(performance.now() - startedAt)
      }
    })()
    const statuses = await Promise.all(Array.from({ length: 3 }, async () => (await infer('wide', body)).status))
    reading = false
    await probing
    expect(statuses).toEqual([200, 200, 200])
    waits.sort((a, b) => a - b)
    expect(waits[Math.floor(waits.length / 2)], `${waits.length} probes`).toBeLessThan(50)
  })
})
