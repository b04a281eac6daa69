import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addModel, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { expectOk, moveAlias, putEndpoint, registerVersion } from './registered-version.ts'
import { runSlipway } from './run-slipway.ts'
import type { Ran } from './run-slipway.ts'

const broken = { 'model.mjs': 'throw new Error("no weights")' }

describe('an endpoint that does not serve what it follows', () => {
  let app: TestApp
  const slipway = (...args: readonly string[]): Promise<Ran> => runSlipway(app, args)

  beforeAll(async () => {
    app = await startTestApp()
    for (const files of [broken, broken, { 'model.mjs': addModel(3) }]) await registerVersion(app, 'churn', files)
    await expectOk(await moveAlias(app, 'churn', 'champion', 1))
    await expectOk(await putEndpoint(app, 'churn', { reference: 'models:/churn@champion', wait: false }))
  })
  afterAll(() => app.stop())

  it('is never said to serve it: by deploy, promote and rollback', async () => {
    const why = /^slipway \w+: (.*), but churn does not serve it: .*no weights/
    const done = async (...args: readonly string[]): Promise<unknown> => {
      const { code, out, err } = await slipway(...args)
      return [code, out, why.exec(err.split('\n').at(-2) ?? '')?.[1]]
    }
    const follows = 'churn follows models:/churn@champion, version 1'
    expect(await done('deploy', 'models:/churn@champion', '--name', 'churn')).toEqual([1, '', follows])
    expect(await done('promote', 'churn', '1')).toEqual([1, '', '@champion of churn is version 1'])
    expect(await done('promote', 'churn', '2')).toEqual([1, '', '@champion of churn is version 2'])
    expect(await done('rollback', 'churn')).toEqual([1, '', 'churn stands for version 1 again'])
    const mended = await slipway('promote', 'churn', '3')
    expect([mended.code, mended.out]).toEqual([0, '@champion of churn is version 3; churn serves it\n'])
  })
})
