import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runSlipway } from './run-slipway.ts'
import type { Ran } from './run-slipway.ts'
import { buildOnnx, identityModel, startTestApp } from '../../src/testing/index.ts'
import { readImage, startContainer, unpackImage } from './image-container.ts'
import type { Image } from './image-container.ts'

const preprocess = `
export const preprocess = ({ celsius }) => ({ x: celsius.data.map((value) => value * 1.8 + 32) })
`
const postprocess = `
export const postprocess = ({ y }) => ({
  felt: Array.from(y.data, (value) => (value > 80 ? 'hot' : value < 50 ? 'cold' : 'fine')),
})
`
const modelYaml = `
model: model.onnx
name: weather
version: 4
preprocess: preprocess.ts
postprocess: postprocess.ts
signature:
  inputs: [{ name: celsius, datatype: FP32, shape: [-1, 1] }]
  outputs: [{ name: felt, datatype: BYTES, shape: [-1, 1] }]
resources: { threads: 1 }
warmup:
  - inputs: { celsius: { datatype: FP32, shape: [2, 1], values: [[10], [20]] } }
metadata: { owner: "the \\"north\\" team" }
`
const question = { dataframe_records: [{ celsius: 40 }, { celsius: 20 }, { celsius: -5 }] }
const answer = { predictions: ['hot', 'fine', 'cold'] }

let root: string
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'slipway-package-'))
  project('weather', modelYaml)
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const project = (name: string, yaml: string): string => {
  const folder = join(root, name)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'model.yaml'), yaml)
  writeFileSync(join(folder, 'model.onnx'), buildOnnx(identityModel('FP32', [-1, 1])))
  writeFileSync(join(folder, 'preprocess.ts'), preprocess)
  writeFileSync(join(folder, 'postprocess.ts'), postprocess)
  return folder
}

const slipway = (...args: readonly string[]): Promise<Ran> => runSlipway(undefined, args, { directory: root })

const packaged = async (...args: string[]): Promise<{ digest: string; image?: string }> => {
  const { code, out, err } = await slipway('package', ...args, '--json')
  expect(err).toBe('')
  expect(code).toBe(0)
  return JSON.parse(out) as { digest: string; image?: string }
}

describe('a package', () => {
  it('answers as it should, from its folder, by either flag', async () => {
    await packaged('weather', '--output', 'out')
    for (const flag of ['--package', '--model-repository']) {
      await using app = await startTestApp({ flags: [flag, join(root, 'out')] })
      const response = await app.post('/invocations', question)
      expect(await response.json()).toEqual(answer)
      expect(await (await app.fetch('/v2/models/weather')).json()).toMatchObject({
        versions: ['4'],
        inputs: [{ name: 'celsius', datatype: 'FP32', shape: [-1, 1] }],
        outputs: [{ name: 'felt', datatype: 'BYTES', shape: [-1, 1] }],
      })
      const config = (await (await app.fetch('/v2/models/weather/config')).json()) as { parameters: object }
      expect(config.parameters).toMatchObject({ 'metadata.owner': { string_value: 'the "north" team' } })
    }
  })

  it.each([
    ['at most as many rows as it says', 2, { max_batch_size: 2, dynamic_batching: {} }, [200, 400]],
    ['none where it says so', 0, { max_batch_size: 0 }, [200, 200]],
  ])('joins %s', async (_, rows, config, statuses) => {
    const name = `joins-${rows}`
    project(name, `${modelYaml}batching: { rows: ${rows} }\n`)
    await packaged(name, '--output', `${name}-out`)
    await using app = await startTestApp({ flags: ['--package', join(root, `${name}-out`)] })
    expect(await (await app.fetch('/v2/models/weather/config')).json()).toMatchObject(config)
    expect(await (await app.fetch('/v2/models/weather')).json()).toMatchObject({
      inputs: [{ name: 'celsius', datatype: 'FP32', shape: [-1, 1] }],
      outputs: [{ name: 'felt', datatype: 'BYTES', shape: [-1, 1] }],
    })
    const records = question.dataframe_records
    const replies = [records.slice(0, 2), records].map((some) => app.post('/invocations', { dataframe_records: some }))
    expect((await Promise.all(replies)).map(({ status }) => status)).toEqual(statuses)
  })

  it('is warmed up with every row of a sample, texts among them', async () => {
    const folder = project(
      'warm',
      `model: warm.mjs
name: warm
warmup:
  - inputs: { words: { datatype: BYTES, shape: [3, 1], values: [[a], [bb], [ccc]] } }
`,
    )
    const code = `export const batched = true
export const signature = {
  inputs: [{ name: 'words', datatype: 'BYTES', shape: [-1, 1] }],
  outputs: [{ name: 'seen', datatype: 'BYTES', shape: [-1, 1] }],
}
export const predict = ({ words }) => {
  globalThis.first ??= [...words.data].join()
  return { seen: [...words.data].map(() => globalThis.first) }
}
`
    writeFileSync(join(folder, 'warm.mjs'), code)
    await packaged('warm', '--output', 'warm-out')
    await using app = await startTestApp({ flags: ['--package', join(root, 'warm-out')] })
    const asked = await app.post('/invocations', { dataframe_records: [{ words: 'x' }] })
    expect(await asked.json()).toEqual({ predictions: ['a,bb,ccc'] })
  })

  it('is the same each time it is made, and another when anything in it is', async () => {
    const first = await packaged('weather', '--output', 'first')
    const second = await packaged('weather/model.yaml', '--output', 'second')
    expect(second.digest).toBe(first.digest)
    appendFileSync(join(project('changed', modelYaml), 'postprocess.ts'), '\n')
    expect((await packaged('changed', '--output', 'second')).digest).not.toBe(first.digest)
  })

  it('is not served once it was tampered with', async () => {
    await packaged('weather', '--output', 'tampered')
    const file = join(root, 'tampered', 'weather', '4', 'postprocess.ts')
    const start = (): Promise<unknown> => startTestApp({ flags: ['--package', join(root, 'tampered')] })
    appendFileSync(file, '// more\n')
    await expect(start()).rejects.toThrow(/weather\/4\/postprocess.ts is not what the manifest says/)
    rmSync(file)
    await expect(start()).rejects.toThrow(/weather\/4\/postprocess.ts is missing/)
    await packaged('weather', '--output', 'tampered')
    writeFileSync(join(root, 'tampered', 'weather', '4', 'more.ts'), '')
    await expect(start()).rejects.toThrow(/weather\/4\/more.ts is not in the manifest/)
  })

  it('is not served when its manifest is missing, is no manifest, or lists what leads elsewhere', async () => {
    await packaged('weather', '--output', 'unlisted')
    const path = join(root, 'unlisted', 'manifest.json')
    const whole = JSON.parse(readFileSync(path, 'utf8')) as { files: object[] }
    const start = (): Promise<unknown> => startTestApp({ flags: ['--package', join(root, 'unlisted')] })
    for (const [manifest, reason] of [
      [null, /unlisted' is not a package: its manifest\.json can't be read: it has another format/],
      [{ ...whole, files: [null] }, /it has another format/],
      [{ ...whole, files: [{ path: 5, bytes: 1, sha256: '' }] }, /it has another format/],
      [{ ...whole, format: 2 }, /it has another format/],
      [{ ...whole, files: [] }, /model\.yaml is not in the manifest/],
      [
        { ...whole, files: [...whole.files, { path: '../../../etc/passwd', bytes: 1, sha256: '' }] },
        /\.\.\/\.\.\/\.\.\/etc\/passwd is missing/,
      ],
    ] as const) {
      writeFileSync(path, JSON.stringify(manifest))
      await expect(start()).rejects.toThrow(reason)
    }
    rmSync(path)
    await expect(start()).rejects.toThrow(/there is no such file; slipway package .* makes one of it/)
    execFileSync('mkfifo', [path])
    await expect(start()).rejects.toThrow(/it is not a file/)
    rmSync(path)
    symlinkSync(join(root, 'weather', 'model.yaml'), path)
    await expect(start()).rejects.toThrow(/it is not a file/)
  })

  it('is not served with links in it, wherever they lead', async () => {
    await packaged('weather', '--output', 'linked')
    const step = join(root, 'linked', 'weather', '4', 'postprocess.ts')
    rmSync(step)
    symlinkSync(join(root, 'weather', 'postprocess.ts'), step)
    await expect(startTestApp({ flags: ['--package', join(root, 'linked')] })).rejects.toThrow(
      /weather\/4\/postprocess\.ts is not a file/,
    )
  })

  it('is made of what a reference names on a server', async () => {
    await using app = await startTestApp()
    const call = async (path: string, body: object): Promise<Record<string, Record<string, string>>> =>
      (await (await app.post(`/api/2.0/mlflow/${path}`, body)).json()) as Record<string, Record<string, string>>
    const { run } = (await call('runs/create', { experiment_id: '0' })) as unknown as {
      run: { info: { run_id: string; artifact_uri: string } }
    }
    const folder = run.info.artifact_uri.replace(/^mlflow-artifacts:\/*/, '')
    await app.fetch(`/api/2.0/mlflow-artifacts/artifacts/${folder}/model/model.onnx`, {
      method: 'PUT',
      body: readFileSync(join(root, 'weather', 'model.onnx')),
    })
    await call('registered-models/create', { name: 'weather' })
    await call('model-versions/create', { name: 'weather', source: `runs:/${run.info.run_id}/model` })
    await call('registered-models/alias', { name: 'weather', alias: 'champion', version: '1' })
    await call('model-versions/transition-stage', {
      name: 'weather',
      version: '1',
      stage: 'Production',
      archive_existing_versions: false,
    })
    const { model: logged } = (await call('logged-models', {
      experiment_id: '0',
      name: 'logged',
      source_run_id: run.info.run_id,
    })) as unknown as {
      model: { info: { model_id: string; artifact_uri: string } }
    }
    const beside = logged.info.artifact_uri.replace(/^mlflow-artifacts:\/*/, '')
    await app.fetch(`/api/2.0/mlflow-artifacts/artifacts/${beside}/model.onnx`, {
      method: 'PUT',
      body: readFileSync(join(root, 'weather', 'model.onnx')),
    })
    const digests = new Set<string>()
    const registered = ['@champion', '/1', '/latest', '/Production', '/production'].map(
      (end) => `models:/weather${end}`,
    )
    const ofRun = ['model', 'logged'].map((name) => `runs:/${run.info.run_id}/${name}`)
    for (const reference of [...registered, ...ofRun, `models:/${logged.info.model_id}`]) {
      project('referred', modelYaml.replace('model: model.onnx', `model: ${reference}`))
      const made = await packaged('referred', '--output', 'referred-out', '--server', app.addresses.http)
      digests.add(made.digest)
      expect(readFileSync(join(root, 'referred-out', 'weather', '4', 'model.onnx'))).toEqual(
        readFileSync(join(root, 'weather', 'model.onnx')),
      )
    }
    // What an alias names now is written down, not the alias.
    expect(digests.size).toBe(4)
    project('referred', modelYaml.replace('model: model.onnx', 'model: models:/weather@nobody'))
    const refused = await slipway('package', 'referred', '--output', 'no', '--server', app.addresses.http)
    expect([refused.code, existsSync(join(root, 'no'))]).toEqual([1, false])
  })

  it('is refused when its files lead elsewhere, are not there, or are no files', async () => {
    const folder = project('hostile', modelYaml)
    const refusal = async (): Promise<string> => {
      const { code, err } = await slipway('package', 'hostile', '--output', 'hostile-out')
      expect([code, existsSync(join(root, 'hostile-out'))]).toEqual([1, false])
      return err
    }
    rmSync(join(folder, 'model.onnx'))
    expect(await refusal()).toMatch(/model: there is no 'model.onnx'/)
    symlinkSync('/etc/passwd', join(folder, 'model.onnx'))
    expect(await refusal()).toMatch(/model: 'model.onnx' leads out of the folder/)
    rmSync(join(folder, 'model.onnx'))
    mkdirSync(join(folder, 'model.onnx'))
    symlinkSync('/etc/passwd', join(folder, 'model.onnx', 'weights'))
    expect(await refusal()).toMatch(/'weights' leads out of the folder/)
    rmSync(join(folder, 'model.onnx', 'weights'))
    execFileSync('mkfifo', [join(folder, 'model.onnx', 'pipe')])
    expect(await refusal()).toMatch(/'pipe' is neither a file nor a folder/)
    for (const name of ['manifest.json', 'model.yaml']) {
      writeFileSync(join(folder, 'model.yaml'), modelYaml.replace('name: weather', `name: ${name}`))
      expect(await refusal()).toContain(`name: '${name}' is a file of every package; choose another name`)
    }
    writeFileSync(join(folder, 'model.yaml'), `#${'x'.repeat(2 * 1024 ** 2)}\n${modelYaml}`)
    expect(await refusal()).toMatch(/larger than 1048576 bytes/)
    writeFileSync(join(folder, 'model.yaml'), modelYaml.replace('values: [[10], [20]]', 'values: [1]'))
    project('hostile-values', modelYaml.replace('values: [[10], [20]]', 'values: [1]'))
    const values = await slipway('package', 'hostile-values', '--output', 'hostile-out')
    expect(values.err).toMatch(/warmup\[0\].inputs.celsius: shape \[2,1\] takes 2 values, got 1/)
  })

  it('has nothing that is hidden in a folder, which is told', async () => {
    const folder = project('hiding', modelYaml.replace('model: model.onnx', 'model: files'))
    mkdirSync(join(folder, 'files', '.git'), { recursive: true })
    mkdirSync(join(folder, 'files', 'inner'))
    copyFileSync(join(folder, 'model.onnx'), join(folder, 'files', 'model.onnx'))
    for (const path of ['.env', '.git/config', 'inner/.key', 'inner/a.txt'])
      writeFileSync(join(folder, 'files', path), 'secret')
    const { code, err } = await slipway('package', 'hiding', '--output', 'hiding-out')
    const told = new Set(err.trim().split('\n'))
    expect([code, told]).toEqual([
      0,
      new Set(['.env', '.git', 'inner/.key'].map((path) => `${path} is hidden and stays behind`)),
    ])
    const files = readdirSync(join(root, 'hiding-out', 'weather', '4'), { recursive: true, encoding: 'utf8' })
    expect(new Set(files)).toEqual(new Set(['inner', 'inner/a.txt', 'model.onnx', 'postprocess.ts', 'preprocess.ts']))
  })

  it('leaves nothing of one whose making was killed', async () => {
    // A process that has ended; its number is taken again only after all others were.
    const { pid } = spawnSync(process.execPath, ['--version'])
    for (const name of [`.left.${pid}.part`, `.left.${process.pid}.part`, '.left.x.part'])
      mkdirSync(join(root, 'parts', name, 'weather', '4', 'stale'), { recursive: true })
    // One of a process that had the number of this one.
    writeFileSync(join(root, 'parts', `.left.${process.pid}.part`, 'weather', '4', 'stale', 'x'), 'x')
    await packaged('weather', '--output', 'parts/other')
    expect(readdirSync(join(root, 'parts'))).toContain(`.left.${pid}.part`)
    const { digest } = await packaged('weather', '--output', 'parts/left')
    expect(digest).toBe((await packaged('weather', '--output', 'parts/other')).digest)
    expect(readdirSync(join(root, 'parts')).toSorted()).toEqual(['.left.x.part', 'left', 'other'])
  })

  it('takes the place of an earlier package, and of nothing else', async () => {
    mkdirSync(join(root, 'precious'))
    writeFileSync(join(root, 'precious', 'thesis.txt'), 'years of work')
    const { code, err } = await slipway('package', 'weather', '--output', 'precious')
    expect([code, err]).toEqual([1, expect.stringMatching(/holds something else than a package/)])
    // The manifest of a browser's extension, say, or one that lists other files than there are.
    for (const manifest of ['{"manifest_version": 3}', '{"format":1,"name":"a","version":1,"files":[]}', 'null']) {
      writeFileSync(join(root, 'precious', 'manifest.json'), manifest)
      expect((await slipway('package', 'weather', '--output', 'precious')).code).toBe(1)
    }
    await packaged('weather', '--output', 'beside')
    writeFileSync(join(root, 'beside', 'thesis.txt'), 'years of work')
    expect((await slipway('package', 'weather', '--output', 'beside')).err).toMatch(
      /holds something else than a package/,
    )
    for (const folder of ['precious', 'beside'])
      expect(readFileSync(join(root, folder, 'thesis.txt'), 'utf8')).toBe('years of work')
    for (const args of [[], ['a', 'b', '--output', 'x'], ['absent', '--output', 'x']])
      expect((await slipway('package', ...args)).code).toBeGreaterThan(0)
  })
})

const sha256 = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

describe.runIf(process.platform === 'linux')('an image', () => {
  const layout = (): string => join(root, 'image')
  let image: Image

  beforeAll(async () => {
    const { image: digest = '' } = await packaged('weather', '--output', 'imaged', '--oci', 'image')
    image = readImage(layout(), digest)
  }, 180_000)

  it('has the digests and sizes that it says, in the layout of the OCI', () => {
    expect(JSON.parse(readFileSync(join(layout(), 'oci-layout'), 'utf8'))).toEqual({ imageLayoutVersion: '1.0.0' })
    const index = JSON.parse(readFileSync(join(layout(), 'index.json'), 'utf8')) as {
      manifests: readonly { digest: string; size: number }[]
    }
    const { manifest, config, blob } = image
    for (const { digest, size } of [...index.manifests, manifest.config, ...manifest.layers]) {
      expect(sha256(blob(digest))).toBe(digest)
      expect(blob(digest).length).toBe(size)
    }
    expect(manifest.layers.map(({ digest }) => sha256(gunzipSync(blob(digest))))).toEqual(config.rootfs.diff_ids)
    expect(config.config.User).toBe('65532:65532')
    expect(config.config.Entrypoint).not.toContain('--python')
    expect(config.history.map(({ comment }) => comment)).toEqual([
      'Node and its libraries',
      expect.stringMatching(/^Slipway \d/),
      'weather version 4',
    ])
  })

  it('is the same when it is made again, as an archive too', async () => {
    const again = await packaged('weather', '--output', 'imaged', '--oci', 'image.tar')
    const unpacked = join(root, 'unpacked-layout')
    mkdirSync(unpacked)
    execFileSync('tar', ['-xf', join(root, 'image.tar'), '-C', unpacked])
    const index = (folder: string): string => readFileSync(join(folder, 'index.json'), 'utf8')
    expect(index(unpacked)).toBe(index(layout()))
    expect(index(unpacked)).toContain(again.image ?? 'none')
  }, 180_000)

  it.runIf(process.getuid?.() === 0)(
    'runs by its own files alone',
    async () => {
      const system = join(root, 'system')
      unpackImage(layout(), image, system)
      expect(readdirSync(system, { recursive: true }).filter((path) => /python3|\.pyc$/.test(String(path)))).toEqual([])
      await using container = await startContainer(image, system)
      const response = await fetch(`${container.url}/invocations`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(question),
      })
      expect(await response.json()).toEqual(answer)
      expect(await container.stop()).toBe(0)
    },
    180_000,
  )
})
