import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { addModel, buildOnnx, identityModel, inferBody, startTestApp } from '../../src/testing/index.ts'

it('a pipe in place of a model, its labels or its warm-up data fails the load of that model alone', async () => {
  const repository = mkdtempSync(join(tmpdir(), 'slipway-pipes-'))
  const place = (path: string): string => {
    mkdirSync(join(repository, dirname(path)), { recursive: true })
    return join(repository, path)
  }
  const pipe = (path: string): unknown => execFileSync('mkfifo', [place(path)])
  const tensor = 'name: "y" data_type: TYPE_FP32 dims: [-1]'
  pipe('file/1/model.onnx')
  for (const name of ['labels', 'warm']) writeFileSync(place(`${name}/1/model.onnx`), buildOnnx(identityModel('FP32')))
  writeFileSync(place('labels/config.pbtxt'), `output { ${tensor} label_filename: "classes" }`)
  pipe('labels/classes')
  const sample = 'inputs { key: "x" value { data_type: TYPE_FP32 dims: [1, 1] input_data_file: "data" } }'
  writeFileSync(place('warm/config.pbtxt'), `model_warmup { name: "w" ${sample} }`)
  pipe('warm/warmup/data')
  writeFileSync(place('z-good/1/model.mjs'), addModel(1))
  try {
    await using app = await startTestApp({ flags: ['--model-repository', repository] })
    const { models } = (await (await app.fetch('/api/slipway/v1/models')).json()) as {
      models: { name: string; versions: { reason: string }[] }[]
    }
    expect(models.map(({ name, versions }) => [name, versions[0]?.reason])).toEqual([
      ['file', expect.stringContaining('model.onnx is not a file')],
      ['labels', expect.stringContaining('classes is not a file')],
      ['warm', expect.stringContaining('data is not a file')],
      ['z-good', ''],
    ])
    expect((await app.post('/v2/models/z-good/infer', inferBody([1]))).status).toBe(200)
  } finally {
    rmSync(repository, { recursive: true })
  }
})
