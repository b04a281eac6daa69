import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { inferBody, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { fraudCalls } from './fraud-calls.ts'
import { gatedModel, Gates } from './gated-models.ts'
import { expectOk, moveAlias, putEndpoint, registerVersion } from './registered-version.ts'
import { describeWithPython, pythonFlags, pythonModel } from './test-python.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-on-demand-moves-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** Has every host take about 130 MiB, whatever its interpreter takes. */
const weights = '\nheld = np.ones(100 * 2**17)\n'
const other = pythonModel('return x', weights)

/** A server on which version 1 of an endpoint had to make way for other models, with a version 2 to move it to. */
const startUnloaded = async (place: string, budget: string) => {
  const gates = new Gates(join(root, place))
  const flags = [...pythonFlags, '--serving.memory.budget-bytes', budget]
  const app = await startTestApp({ flags, models: { 'a/1/model.py': other, 'b/1/model.py': other } })
  for (const version of [1, 2]) {
    const files = gatedModel(gates.folder, version)
    await registerVersion(app, 'fraud', { ...files, 'model.py': `${files['model.py']}${weights}` })
  }
  await expectOk(await moveAlias(app, 'fraud', 'champion', 1))
  await expectOk(await putEndpoint(app, 'fraud', { reference: 'models:/fraud@champion' }))
  for (const model of ['b', 'a']) await expectOk(await app.post(`/v2/models/${model}/infer`, inferBody([1])))
  expect(await stateOf(app, '1')).toMatch(/^UNAVAILABLE unloaded to make room/)
  return { app, gates }
}

const stateOf = async (app: TestApp, version: string): Promise<string> => {
  const rows = (await (await app.post('/v2/repository/index')).json()) as readonly Record<string, string>[]
  const row = rows.find((each) => each['name'] === 'fraud' && each['version'] === version)
  return `${row?.['state']} ${row?.['reason']}`
}

describeWithPython('a request for an endpoint that was unloaded, while it moves', () => {
  it('is answered by the version that serves until then, without waiting for the move', async () => {
    const { app, gates } = await startUnloaded('beside', '330MiB')
    await using _ = app
    const { answer } = fraudCalls(app.addresses)
    gates.close(2, 'load')
    const move = moveAlias(app, 'fraud', 'champion', 2)
    await gates.reached(2, 'load')
    expect(await answer()).toEqual(['1', 11])
    expect(await stateOf(app, '1')).toBe('READY ')
    await gates.open(2, 'load')
    await expectOk(await move)
    expect(await answer()).toEqual(['2', 12])
    await expectOk(await app.post('/api/slipway/v1/endpoints/fraud/rollback', {}))
    expect(await answer()).toEqual(['1', 11])
  })

  it('is answered by it also when the move is refused', async () => {
    const { app, gates } = await startUnloaded('refused', '330MiB')
    await using _ = app
    const { answer } = fraudCalls(app.addresses)
    gates.close(2, 'golden')
    const move = moveAlias(app, 'fraud', 'champion', 2)
    const candidate = await gates.reached(2, 'golden')
    expect(await answer()).toEqual(['1', 11])
    gates.remove(2, 'golden')
    process.kill(candidate, 'SIGKILL')
    expect((await move).status).toBe(409)
    expect(await answer()).toEqual(['1', 11])
  })

  it('waits for the move where there is no room for both versions', async () => {
    const { app, gates } = await startUnloaded('alone', '200MiB')
    await using _ = app
    gates.close(2, 'load')
    const move = moveAlias(app, 'fraud', 'champion', 2)
    await gates.reached(2, 'load')
    const answered = fraudCalls(app.addresses).answer()
    const late = await app.fetch('/v2/models/fraud/infer', {
      method: 'POST',
      body: JSON.stringify(inferBody([10])),
      headers: { 'slipway-timeout-ms': '50' },
    })
    expect(late.status).toBe(504)
    await gates.open(2, 'load')
    await expectOk(await move)
    expect(await answered).toEqual(['2', 12])
  })
})
