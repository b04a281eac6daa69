import { afterAll, beforeAll, expect, it } from 'vitest'
import { inferBody, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { describeWithPython, pythonFlags, pythonModel } from './test-python.ts'

const identity = `
batched = True

def predict(inputs):
    return {f"{name}_out": values for name, values in inputs.items()}
`

const bank = `
import numpy as np
import rates

class Model:
    signature = {
        "inputs": [{"name": "amount", "datatype": "FP64", "shape": [-1, 1]}, {"name": "currency", "datatype": "BYTES", "shape": [-1, 1]}],
        "outputs": [{"name": "euros", "datatype": "FP64", "shape": [-1, 1]}, {"name": "told", "datatype": "BYTES", "shape": [-1, 1]}],
    }

    def load(self, context):
        self.margin = float(context.parameters["margin"])
        self.who = f"{context.model}/{context.version}"

    def predict(self, inputs, context):
        rate = np.vectorize(rates.of)(inputs["currency"])
        return {"euros": inputs["amount"] * rate * self.margin, "told": [[f"{self.who}: {c}"] for c in inputs["currency"][:, 0]]}
`

const bankConfig = 'parameters { key: "margin" value { string_value: "0.5" } }'

describeWithPython('models written in Python', () => {
  let app: TestApp

  beforeAll(async () => {
    app = await startTestApp({
      models: {
        'double/1/model.py': pythonModel('return x * 2'),
        'identity/1/model.py': identity,
        'bank/7/model.py': bank,
        'bank/7/rates.py': 'def of(currency):\n    return {"EUR": 1.0, "CHF": 1.5}[currency]\n',
        'bank/config.pbtxt': bankConfig,
      },
      flags: pythonFlags,
    })
  })

  afterAll(() => app.stop())

  const infer = async (model: string, body: unknown): Promise<{ status: number; body: Record<string, unknown> }> => {
    const response = await app.post(`/v2/models/${model}/infer`, body)
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }

  it('answer what predict returns, and say what they are', async () => {
    expect(await infer('double', inferBody([1, 2.5]))).toMatchObject({
      status: 200,
      body: { outputs: [{ name: 'y', datatype: 'FP32', shape: [2, 1], data: [2, 5] }] },
    })
    const metadata = (await (await app.fetch('/v2/models/double')).json()) as unknown
    expect(metadata).toMatchObject({
      platform: 'python',
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
    })
  })

  it('may be a class, with modules of their own, text, and parameters of the configuration', async () => {
    const inputs = [
      { name: 'amount', datatype: 'FP64', shape: [2, 1], data: [10, 20] },
      { name: 'currency', datatype: 'BYTES', shape: [2, 1], data: ['EUR', 'CHF'] },
    ]
    expect(await infer('bank', { inputs })).toMatchObject({
      status: 200,
      body: {
        model_version: '7',
        outputs: [
          { name: 'euros', shape: [2, 1], data: [5, 15] },
          { name: 'told', shape: [2, 1], data: ['bank/7: EUR', 'bank/7: CHF'] },
        ],
      },
    })
    const wanted = await infer('bank', { inputs, outputs: [{ name: 'told' }] })
    expect(wanted.body['outputs']).toMatchObject([{ name: 'told' }])
  })

  it.each([
    ['BOOL', [true, false, true]],
    ['UINT8', [0, 255, 7]],
    ['UINT16', [0, 65_535, 7]],
    ['UINT32', [0, 4_294_967_295, 7]],
    ['UINT64', [0, 9_007_199_254_740_991, 7]],
    ['INT8', [-128, 127, 0]],
    ['INT16', [-32_768, 32_767, 0]],
    ['INT32', [-2_147_483_648, 2_147_483_647, 0]],
    ['INT64', [-9_007_199_254_740_991, 5, 0]],
    ['FP16', [0.5, -2, 65_504]],
    ['FP32', [0.5, -2, 0.25]],
    ['FP64', [0.1, -2, 1e-200]],
    ['BYTES', ['', 'grüß', 'a\nb']],
  ])('without a signature take and answer %s as it is', async (datatype, data) => {
    const shape = [1, 3]
    const reply = await infer('identity', { inputs: [{ name: 'any', datatype, shape, data }] })
    expect(reply).toMatchObject({ status: 200, body: { outputs: [{ name: 'any_out', datatype, shape, data }] } })
  })

  it('are not asked when a request does not fit their signature', async () => {
    const wrong = await infer('double', { inputs: [{ name: 'x', datatype: 'INT32', shape: [1, 1], data: [1] }] })
    expect(wrong).toMatchObject({ status: 400, body: { error: expect.stringMatching(/expected datatype FP32/) } })
    const twice = { name: 'x', datatype: 'INT32', shape: [1], data: [1] }
    expect(await infer('identity', { inputs: [twice, twice] })).toMatchObject({ status: 400 })
    const reserved = { ...twice, name: 'x\0null' }
    expect(await infer('identity', { inputs: [twice, reserved] })).toMatchObject({ status: 400 })
  })

  it('get the rows of requests that arrive together in one run', async () => {
    const replies = await Promise.all(
      Array.from({ length: 40 }, (_, index) => infer('double', inferBody([index, -index]))),
    )
    for (const [index, reply] of replies.entries())
      expect(reply.body).toMatchObject({
        outputs: [{ shape: [2, 1], data: [2 * index, index === 0 ? 0 : -2 * index] }],
      })
    const statistics = (await (await app.fetch('/v2/models/double/stats')).json()) as {
      model_stats: readonly { inference_count: number; execution_count: number }[]
    }
    const [stats] = statistics.model_stats
    expect(stats?.execution_count).toBeLessThan(stats?.inference_count ?? 0)
  })

  it('take a large batch', async () => {
    const rows = 300_000
    const data = Float32Array.from({ length: rows }, (_, index) => index)
    const head = JSON.stringify({
      inputs: [{ name: 'x', datatype: 'FP32', shape: [rows, 1], parameters: { binary_data_size: data.byteLength } }],
      outputs: [{ name: 'y', parameters: { binary_data: true } }],
    })
    const response = await app.fetch('/v2/models/double/infer', {
      method: 'POST',
      headers: { 'inference-header-content-length': String(head.length) },
      body: Buffer.concat([Buffer.from(head), new Uint8Array(data.buffer)]),
    })
    expect(response.status).toBe(200)
    const body = new Uint8Array(await response.arrayBuffer())
    const values = new Float32Array(body.slice(body.length - data.byteLength).buffer)
    expect([values[1], values[rows - 1]]).toEqual([2, 2 * (rows - 1)])
  })
})
