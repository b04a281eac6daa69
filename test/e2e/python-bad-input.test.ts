import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { describeWithPython, pythonFlags } from './test-python.ts'

const anything = (count: number) => ({
  inputs: Array.from({ length: count }, (_, index) => ({ name: `i${index}`, datatype: 'INT8', shape: [1], data: [1] })),
})

describeWithPython('a request for a model that takes what comes', () => {
  let app: TestApp

  beforeAll(async () => {
    const model = 'import numpy as np\ndef predict(inputs, context):\n    return {"count": np.array([len(inputs)])}\n'
    app = await startTestApp({ models: { 'open/1/model.py': model }, flags: pythonFlags })
  })

  afterAll(() => app.stop())

  it.each([
    ['a name that is too long', { inputs: [{ name: 'n'.repeat(70_000), datatype: 'INT8', shape: [1], data: [1] }] }],
    ['an output whose name is too long', { ...anything(1), outputs: [{ name: 'o'.repeat(70_000) }] }],
    [
      'too many outputs',
      { ...anything(1), outputs: Array.from({ length: 40_000 }, (_, index) => ({ name: `o${index}` })) },
    ],
    ['too many inputs', anything(40_000)],
  ])('is refused with %s', async (_, body) => {
    const response = await app.post('/v2/models/open/infer', body)
    expect([response.status, await response.text()]).toEqual([400, expect.stringContaining('the limit is')])
  })

  it('may have very many inputs', async () => {
    const startedMs = performance.now()
    const response = await app.post('/v2/models/open/infer', anything(20_000))
    expect(await response.json()).toMatchObject({ outputs: [{ name: 'count', data: [20000] }] })
    expect(performance.now() - startedMs).toBeLessThan(5000)
  })
})
