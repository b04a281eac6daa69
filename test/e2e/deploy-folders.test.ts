import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addModel, buildOnnx, inferBody, mlpModel, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { describeWithPython, pythonFlags, pythonModel } from './test-python.ts'
import { runSlipway } from './run-slipway.ts'
import type { Ran } from './run-slipway.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-deploy-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const slipway = (app: TestApp, ...args: readonly string[]): Promise<Ran> => runSlipway(app, args, { directory: folder })

const write = (files: Readonly<Record<string, string | Uint8Array>>): void => {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
}

const mlmodel = `flavors:
  onnx:
    data: files/net.onnx
  python_function:
    loader_module: mlflow.onnx
`

const post = (app: TestApp, body: Uint8Array): Promise<Response> =>
  app.fetch('/api/slipway/v1/models/net/versions?file=model.tar', { method: 'POST', body })

const leftIn = (app: TestApp): string[] => readdirSync(join(app.dataDir, 'models'))

describe('slipway deploy of a folder', () => {
  it('sends what MLflow saved, with all its files but hidden ones, as one version after the other', async () => {
    await using app = await startTestApp({})
    write({ 'saved/MLmodel': mlmodel, 'saved/files/net.onnx': buildOnnx(mlpModel()), 'saved/files/notes.txt': '' })
    write({ 'saved/.env': 'KEY=1', 'saved/.git/config': '', 'saved/files/.key': '' })
    expect(await slipway(app, 'deploy', join(folder, 'saved'))).toMatchObject({ code: 2, err: /--name is missing/ })
    for (const version of [1, 2]) {
      const { out, err } = await slipway(app, 'deploy', join(folder, 'saved'), '--name', 'net')
      expect(out, err).toMatch(new RegExp(`^net version ${version} is ready`))
      for (const hidden of ['.env', '.git', 'files/.key'])
        expect(err).toContain(`${hidden} is hidden and stays behind\n`)
    }
    const files = readdirSync(join(app.dataDir, 'models/net/2'), { recursive: true }).map(String)
    expect(files.toSorted()).toEqual(['MLmodel', 'files', 'files/net.onnx', 'files/notes.txt'])
    const model = (await (await app.fetch('/api/slipway/v1/models/net')).json()) as { versions: unknown[] }
    expect(model.versions).toContainEqual(expect.objectContaining({ version: '2', state: 'ready' }))
  })

  it('keeps the version that serves, and nothing else, when a folder does not load', async () => {
    await using app = await startTestApp({})
    write({ 'good.mjs': addModel(1), 'damaged/MLmodel': mlmodel, 'damaged/files/net.onnx': 'nonsense' })
    expect((await slipway(app, 'deploy', join(folder, 'good.mjs'), '--name', 'net')).code).toBe(0)
    const failed = await slipway(app, 'deploy', join(folder, 'damaged'), '--name', 'net')
    expect([failed.code, failed.err]).toEqual([1, expect.stringContaining('failed to load')])
    expect(readdirSync(join(app.dataDir, 'models/net'))).toEqual(['1'])
    expect((await app.post('/v2/models/net/infer', inferBody([1]))).status).toBe(200)
  })

  it('is refused for links that lead out of it', async () => {
    await using app = await startTestApp({})
    write({ 'leading/MLmodel': mlmodel })
    symlinkSync('/etc/passwd', join(folder, 'leading/secrets'))
    const refused = await slipway(app, 'deploy', join(folder, 'leading'), '--name', 'net')
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('leads out of the folder')])
    expect(leftIn(app)).toEqual([])
  })
})

describe('an archive that is deployed', () => {
  const packed = (...args: string[]): Buffer => execFileSync('tar', ['-C', folder, '-c', '-f', '-', ...args])

  it('may be made by tar itself', async () => {
    await using app = await startTestApp({})
    write({ 'by-tar/model.mjs': addModel(1), 'by-tar/more/notes.txt': 'x' })
    expect((await post(app, packed('-C', join(folder, 'by-tar'), '.'))).status).toBe(200)
  })

  it('is refused, and leaves nothing, when it is none, leads elsewhere, is cut off or has a file twice', async () => {
    await using app = await startTestApp({})
    write({ 'model.mjs': addModel(1) })
    symlinkSync('/etc', join(folder, 'etc'))
    const good = packed('model.mjs')
    const bodies: readonly (readonly [Uint8Array, RegExp])[] = [
      [Buffer.from('nonsense'.repeat(100)), /is not an archive/],
      [packed('etc', 'model.mjs'), /'etc' in the archive is neither a file nor a folder/],
      [packed('--transform', 's,^,../../,', '-P', 'model.mjs'), /is not a path below its folder/],
      [good.subarray(0, 600), /cut off/],
      [packed('--hard-dereference', 'model.mjs', './model.mjs'), /has a file twice/],
    ]
    for (const [body, reason] of bodies) {
      const response = await post(app, body)
      expect(await response.text()).toMatch(reason)
      expect(response.status).toBe(400)
    }
    expect(leftIn(app)).toEqual([])
  })
})

describeWithPython('slipway deploy of Python', () => {
  it('takes a module, and a folder of a module with what it imports', async () => {
    await using app = await startTestApp({ flags: pythonFlags })
    const answer = async (model: string): Promise<unknown> =>
      ((await (await app.post(`/v2/models/${model}/infer`, inferBody([2]))).json()) as { outputs?: unknown }).outputs
    write({
      'alone.py': pythonModel('return x * 2'),
      'together/model.py': pythonModel('return x * rates.FACTOR', 'import rates'),
      'together/rates.py': 'FACTOR = 5',
    })
    const alone = await slipway(app, 'deploy', join(folder, 'alone.py'), '--name', 'alone')
    expect(alone.out, alone.err).toMatch(/^alone version 1 is ready/)
    expect(await answer('alone')).toMatchObject([{ data: [4] }])
    const together = await slipway(app, 'deploy', join(folder, 'together'), '--name', 'together')
    expect(together.out, together.err).toMatch(/^together version 1 is ready/)
    expect(await answer('together')).toMatchObject([{ data: [10] }])
  })
})
