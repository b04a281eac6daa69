import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SlipwayClient } from '../../src/client/index.ts'
import { buildOnnx, simpleModel, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { runSlipway } from './run-slipway.ts'
import type { Ran } from './run-slipway.ts'

let app: TestApp
let folder: string
let runId: string

const slipway = (...args: readonly string[]): Promise<Ran> =>
  runSlipway(app, args, { directory: folder, environment: { PATH: process.env['PATH'] } })

/** A program in the place of Python, that runs in the folder with job.json. */
const program = (name: string, script: string): string => {
  const path = join(folder, name)
  writeFileSync(path, `#!/bin/sh\n${script}\n`)
  chmodSync(path, 0o755)
  return path
}

const converted = {
  inputs: 'one tensor of FP32',
  estimator: 'Ridge',
  kind: 'regressor',
  attempts: [],
  groups: [],
  total: { rows: 4, maxAbsolute: 0, maxRelative: 0, beyond: 0, equal: true },
  opsets: { 'ai.onnx': 13 },
  operators: { Add: 1 },
  irVersion: 8,
  signature: { inputs: [], outputs: [] },
  python: '3.11.7',
  packages: { onnx: '1.20.0' },
}

/** Tells what it was given instead of converting. */
let telling: string
/** "Converts" whatever it is given to one small model. */
let making: string

beforeAll(async () => {
  app = await startTestApp()
  folder = mkdtempSync(join(tmpdir(), 'slipway-e2e-convert-'))
  telling = program(
    'telling',
    `files=$(cd ../source && find . -type f | sort | tr '\\n' ' ')
echo "{\\"error\\": {\\"code\\": \\"told\\", \\"message\\": \\"$files\\"}}" > result.json`,
  )
  writeFileSync(join(folder, 'made.onnx'), buildOnnx(simpleModel()))
  writeFileSync(join(folder, 'made.json'), JSON.stringify(converted))
  making = program('making', `cp '${folder}/made.onnx' model.onnx; cp '${folder}/made.json' result.json`)
  const client = new SlipwayClient({ url: app.addresses.http })
  const { experimentId } = await client.experiments.create({ name: 'churn' })
  ;({ runId } = await client.runs.create({ experimentId, name: 'train' }))
  await client.uploadArtifact(runId, 'model/MLmodel', 'flavors: { sklearn: { pickled_model: model.pkl } }')
  await client.uploadArtifact(runId, 'model/model.pkl', 'not loaded here')
  await client.uploadArtifact(runId, 'model/code/own steps.py', 'x = 1')
  await client.uploadArtifact(runId, 'other/MLmodel', 'flavors: { spark: {} }')
  await client.registeredModels.create({ name: 'churn' })
  await client.modelVersions.create({ name: 'churn', source: `runs:/${runId}/model`, runId })
  await client.registeredModels.setAlias({ name: 'churn', alias: 'champion', version: '1' })
})
afterAll(async () => {
  await app.stop()
  rmSync(folder, { recursive: true })
})

describe('slipway convert', () => {
  it.each(['models:/churn@champion', 'models:/churn/1', 'models:/churn/latest', 'runs:/RUN/model'])(
    'downloads %s whole',
    async (reference) => {
      const ran = await slipway('convert', reference.replace('RUN', runId), '--python', telling, '--json')
      expect(ran.code).toBe(1)
      expect(JSON.parse(ran.err)).toEqual({
        error: { code: 'told', message: './MLmodel ./code/own steps.py ./model.pkl ' },
      })
    },
  )

  it.each([
    ['models:/churn@nobody', /nobody/],
    ['models:/nobody/latest', /nobody/],
    ['models:/churn/Production', /no version in a stage 'Production'; name one by its number/],
    ['models:/churn', /is none of models:\/NAME@ALIAS, .* or runs:\/RUN\/PATH/],
    ['models:/100%/1', /write its % as %25/],
    ['models:/m-nobody', /m-nobody/],
    ['runs:/RUN/nothing', /has no files at/],
    ['runs:/RUN/other', /the model has spark; sklearn, xgboost, .* can be converted/],
    ['gone.pkl', /there is no file or folder 'gone.pkl'/],
    ['made.onnx', /is ONNX already; slipway deploy takes it as it is/],
    ['made.xyz', /doesn't say what it is; name it with --flavor/],
  ])('refuses %s with what to do', async (source, reason) => {
    writeFileSync(join(folder, 'made.xyz'), '')
    const path = source.startsWith('made') ? join(folder, source) : source.replace('RUN', runId)
    const { code, out, err } = await slipway('convert', path, '--python', telling, '--output', join(folder, 'none'))
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toMatch(reason)
    expect(existsSync(join(folder, 'none'))).toBe(false)
  })

  it('finds what was converted the same way before, unless it is told not to', async () => {
    const cache = join(folder, 'cache')
    const runs = join(folder, 'runs')
    const python = program(
      'counting',
      `case "$*" in *slipway_convert*) echo run >> '${runs}'; cp '${folder}/made.onnx' model.onnx; cp '${folder}/made.json' result.json ;;
*) echo ${'a'.repeat(64)} ;; esac`,
    )
    const convert = async (...more: string[]): Promise<{ fromCache: boolean; version: number; err: string }> => {
      const given = [join(folder, 'net.joblib'), '--python', python, '--output', join(folder, 'cached'), ...more]
      const { code, out, err } = await slipway('convert', ...given, '--data-dir', cache, '--json')
      expect(code, err).toBe(0)
      return { ...(JSON.parse(out) as { fromCache: boolean; version: number }), err }
    }
    const count = (): number => readFileSync(runs, 'utf8').split('\n').length - 1
    writeFileSync(join(folder, 'net.joblib'), 'first')
    expect(await convert()).toMatchObject({ fromCache: false, version: 1 })
    expect(await convert()).toMatchObject({ fromCache: true, version: 2 })
    expect(count()).toBe(1)
    const at = (version: number): Buffer => readFileSync(join(folder, 'cached', 'net', String(version), 'model.onnx'))
    expect(at(2)).toEqual(at(1))
    expect(await convert('--rows', '17')).toMatchObject({ fromCache: false })
    expect(await convert('--no-cache')).toMatchObject({ fromCache: false })
    writeFileSync(join(folder, 'net.joblib'), 'second')
    expect(await convert()).toMatchObject({ fromCache: false })
    expect(count()).toBe(4)
    const given = [join(folder, 'net.joblib'), '--python', python, '--output', join(folder, 'cached')]
    expect((await slipway('convert', ...given, '--data-dir', cache)).err).toContain('from cache')
    // Without a place of its own for it, nothing is kept.
    await slipway('convert', ...given)
    await slipway('convert', ...given)
    expect(count()).toBe(6)
  })

  it.each([
    [[], /the model to convert is missing/],
    [['x.pkl', '--quantize', 'int4'], /'int4' is not one of int8, fp16/],
    [['x.pkl', '--label', 'y'], /--label names a column of --sample/],
  ])('%j is wrong usage', async (args, reason) => {
    const { code, err } = await slipway('convert', ...args)
    expect(code).toBe(2)
    expect(err).toMatch(reason)
  })

  it('keeps versions, deploys and registers what was made', async () => {
    const output = join(folder, 'models')
    writeFileSync(join(folder, 'ridge.pkl'), 'not loaded here')
    const args = ['convert', join(folder, 'ridge.pkl'), '--python', making, '--output', output]
    expect(await slipway(...args)).toMatchObject({
      code: 0,
      out: expect.stringContaining('Ridge as ONNX (ai.onnx 13)'),
    })
    const second = await slipway(...args, '--deploy', '--register', 'ridge')
    expect(second).toMatchObject({
      code: 0,
      err: expect.stringMatching(/ridge version 1 is ready[^]*ridge version 1 is registered/),
    })
    expect(readdirSync(join(output, 'ridge', '2')).sort()).toEqual(['conversion.json', 'model.onnx'])
    expect((await app.fetch('/v2/models/ridge/ready')).status).toBe(200)
    const { out } = await slipway('models', 'versions', 'ridge', '--json')
    const [version] = JSON.parse(out) as { source: string; tags: { key: string; value: string }[] }[]
    expect(version?.tags).toEqual([{ key: 'slipway.converted_from', value: join(folder, 'ridge.pkl') }])
    const files = await slipway('runs', 'artifacts', version?.source.split('/')[1] ?? '', 'model')
    expect(files.out).toMatch(/model\/MLmodel[^]*model\/conversion.json[^]*model\/model.onnx/)
  })
})

describe('slipway deploy of a folder', () => {
  const write = (path: string): void => {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(join(folder, path), buildOnnx(simpleModel()))
  }

  it('takes a repository of one model, a model or a version, under its own name', async () => {
    write('one/plain/1/model.onnx')
    write('one/plain/10/model.onnx')
    for (const path of ['one', 'one/plain', 'one/plain/10']) {
      const { code, out } = await slipway('deploy', join(folder, path))
      expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/^plain version \d is ready/) })
    }
    expect((await slipway('deploy', join(folder, 'one'), '--name', 'other')).out).toMatch(/^other version 1 is ready/)
  })

  it('refuses several models, and none', async () => {
    write('two/a/1/model.onnx')
    write('two/b/1/model.onnx')
    expect((await slipway('deploy', join(folder, 'two'))).err).toMatch(/holds several models: a, b; name one's folder/)
    mkdirSync(join(folder, 'empty'))
    expect((await slipway('deploy', join(folder, 'empty'))).err).toMatch(/holds no .*NAME\/VERSION\/model.onnx/)
  })
})
