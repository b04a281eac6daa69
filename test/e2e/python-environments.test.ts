import { execFileSync, spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually, inferBody, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { describeWithPython, pythonModel, testPython } from './test-python.ts'

/** Makes a wheel of one module. */
const makeWheel = (folder: string, name: string, source: string): void => {
  const script = `
import sys, zipfile
folder, name, source = sys.argv[1:]
info = f"{name}-1.0.dist-info"
with zipfile.ZipFile(f"{folder}/{name}-1.0-py3-none-any.whl", "w") as wheel:
    wheel.writestr(f"{name}.py", source)
    wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(f"{info}/RECORD", "")
`
  execFileSync(testPython ?? '', ['-c', script, folder, name, source])
}

/** Makes a source archive whose build writes its environment to a file. */
const makeSourceArchive = (folder: string, name: string, told: string): void => {
  const backend = `
import json, os, zipfile
def build_wheel(directory, config_settings=None, metadata_directory=None):
    with open(${JSON.stringify(told)}, "w") as file:
        json.dump(dict(os.environ), file)
    wheel = "${name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, wheel), "w") as archive:
        archive.writestr("${name}.py", "FACTOR = 5")
        archive.writestr("${name}-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: ${name}\\nVersion: 1.0\\n")
        archive.writestr("${name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr("${name}-1.0.dist-info/RECORD", "")
    return wheel
`
  const script = `
import io, sys, tarfile
folder, name, backend = sys.argv[1:]
project = '[build-system]\\nrequires = []\\nbuild-backend = "backend"\\nbackend-path = ["."]\\n'
files = {"PKG-INFO": f"Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n", "pyproject.toml": project, "backend.py": backend}
with tarfile.open(f"{folder}/{name}-1.0.tar.gz", "w:gz") as archive:
    for path, text in files.items():
        info = tarfile.TarInfo(f"{name}-1.0/{path}")
        info.size = len(text.encode())
        archive.addfile(info, io.BytesIO(text.encode()))
`
  execFileSync(testPython ?? '', ['-c', script, folder, name, backend])
}

/** A stand-in that brings the numpy of the interpreter of the tests, so that nothing is fetched. */
const numpyStandIn = (): string => {
  const site = execFileSync(testPython ?? '', [
    '-c',
    'import numpy, os; print(os.path.dirname(os.path.dirname(numpy.__file__)))',
  ])
  return `import sys\nsys.path.insert(0, ${JSON.stringify(site.toString().trim())})\ndel sys.modules["numpy"]\nimport numpy\n`
}

describeWithPython('the environments of Python models', () => {
  let root: string
  let wheels: string

  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'slipway-python-envs-'))
    wheels = join(root, 'wheels')
    mkdirSync(wheels)
    makeWheel(wheels, 'numpy', numpyStandIn())
    makeWheel(wheels, 'rates', 'FACTOR = 3')
  })

  afterAll(() => rmSync(root, { recursive: true }))

  const flags = (dataDir: string, from = wheels): string[] => [
    '--python',
    testPython ?? '',
    '--python-env',
    'venv',
    '--python-wheels',
    from,
    '--data-dir',
    dataDir,
    '--model-control',
    'explicit',
  ]
  const models = {
    'm/1/model.py': pythonModel('return x * rates.FACTOR', 'import rates'),
    'm/1/requirements.txt': 'rates == 1.0  # a comment\nnumpy',
  }
  const reasonOf = async (app: TestApp): Promise<string> => {
    const index = (await (await app.post('/v2/repository/index')).json()) as readonly { reason?: string }[]
    return index[0]?.reason ?? ''
  }
  const environmentsIn = (dataDir: string): string[] => readdirSync(join(dataDir, 'python-envs')).sort()

  it('are made of what a model requires, tell their progress, and are used again', async () => {
    const dataDir = join(root, 'data')
    await using app = await startTestApp({ models, flags: flags(dataDir) })
    const loading = app.post('/v2/repository/models/m/load')
    await eventually('the progress is told', async () =>
      (await reasonOf(app)).startsWith('installing 2 packages: rates, numpy') ? true : undefined,
    )
    expect((await loading).status).toBe(200)
    expect(await (await app.post('/v2/models/m/infer', inferBody([2]))).json()).toMatchObject({
      outputs: [{ data: [6] }],
    })
    expect(environmentsIn(dataDir)).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)])

    await app.post('/v2/repository/models/m/unload')
    expect((await app.post('/v2/repository/models/m/load')).status).toBe(200)
    expect(app.log.filter(({ event }) => event === 'python.installing')).toHaveLength(1)
  })

  it('may have packages that come with the model', async () => {
    const dataDir = join(root, 'own-packages')
    const wheel = readFileSync(join(wheels, 'rates-1.0-py3-none-any.whl'))
    const own = {
      ...models,
      'm/1/requirements.txt': 'numpy\ncode/rates-1.0-py3-none-any.whl',
      'm/1/code/rates-1.0-py3-none-any.whl': wheel,
    }
    const bare = join(root, 'numpy-alone')
    mkdirSync(bare)
    makeWheel(bare, 'numpy', numpyStandIn())
    await using app = await startTestApp({ models: own, flags: flags(dataDir, bare) })
    const loaded = await app.post('/v2/repository/models/m/load')
    expect(loaded.status, await loaded.text()).toBe(200)
    expect(await (await app.post('/v2/models/m/infer', inferBody([1]))).json()).toMatchObject({
      outputs: [{ data: [3] }],
    })
  })

  it('that can not be installed give the installer’s reason and leave nothing', async () => {
    const dataDir = join(root, 'none')
    const empty = join(root, 'empty')
    mkdirSync(empty)
    await using app = await startTestApp({ models, flags: flags(dataDir, empty) })
    const failed = await app.post('/v2/repository/models/m/load')
    expect(await failed.text()).toMatch(/its packages could not be installed.*No matching distribution found for rates/)
    expect(await reasonOf(app)).toMatch(/No matching distribution found for rates/)
    expect(environmentsIn(dataDir)).toEqual([])
  })

  it.each([
    '--index-url https://evil.example/simple\nnumpy',
    '-r /etc/passwd',
    'numpy @ https://evil.example/numpy.whl',
    '../../evil.whl',
    'code/absent-1.0-py3-none-any.whl',
    'code/evil-1.0.tar.gz',
  ])('are not made of %s', async (requirements) => {
    const dataDir = join(root, 'hostile')
    await using app = await startTestApp({
      models: { ...models, 'm/1/requirements.txt': requirements },
      flags: flags(dataDir),
    })
    const failed = await app.post('/v2/repository/models/m/load')
    expect(failed.status).toBeGreaterThanOrEqual(400)
    expect(await failed.text()).toMatch(/its requirements (can't be installed|name code\/absent)/)
    expect(existsSync(join(dataDir, 'python-envs'))).toBe(false)
  })

  it.each([
    ['x = 1', /model.py must define predict\(inputs\), or a class Model that does/],
    ['class Model:\n    def load(self): self.predictor = 1', /model.py must define predict/],
    ['class Other:\n    def predict(self, inputs): return {}', /model.py must define predict/],
    ['def predict(inputs: return', /SyntaxError: .*\(model.py, line 1\)/],
  ])('are not made for a module that can not be a model: %j', async (source, reason) => {
    const dataDir = join(root, 'no-predict')
    await using app = await startTestApp({
      models: { ...models, 'm/1/model.py': source, 'm/config.pbtxt': 'backend: "python"' },
      flags: flags(dataDir),
    })
    const failed = await app.post('/v2/repository/models/m/load')
    expect(failed.status).toBe(400)
    expect(await failed.text()).toMatch(reason)
    expect(app.log.filter(({ event }) => event === 'python.installing')).toEqual([])
    expect(existsSync(join(dataDir, 'python-envs'))).toBe(false)
  })

  it.each([
    ['parameters { key: "preprocess" value { string_value: "before.py" } }', /before.py must define preprocess/],
    ['parameters { key: "postprocess" value { string_value: "after.py" } }', /no file 'after.py' for postprocess/],
  ])('are not made for code around a model that is not what %s says', async (config, reason) => {
    const dataDir = join(root, 'no-step')
    await using app = await startTestApp({
      models: { ...models, 'm/1/before.py': 'def prepare(inputs): return inputs', 'm/config.pbtxt': config },
      flags: flags(dataDir),
    })
    expect(await (await app.post('/v2/repository/models/m/load')).text()).toMatch(reason)
    expect(existsSync(join(dataDir, 'python-envs'))).toBe(false)
  })

  it('are built from source only where the operator says so, without the secrets of the server', async () => {
    const sources = join(root, 'sources')
    const told = join(root, 'told.json')
    mkdirSync(sources)
    makeWheel(sources, 'numpy', numpyStandIn())
    makeSourceArchive(sources, 'rates', told)
    process.env['SLIPWAY_TEST_SECRET'] = 'secret'
    try {
      await using refusing = await startTestApp({ models, flags: flags(join(root, 'unbuilt'), sources) })
      const failed = await refusing.post('/v2/repository/models/m/load')
      expect(await failed.text()).toMatch(/No matching distribution found for rates/)
      expect(existsSync(told)).toBe(false)

      const building = [...flags(join(root, 'built'), sources), '--serving.python.source-builds']
      await using app = await startTestApp({ models, flags: building })
      const loaded = await app.post('/v2/repository/models/m/load')
      expect(loaded.status, await loaded.text()).toBe(200)
      const seen = JSON.parse(readFileSync(told, 'utf8')) as Record<string, string>
      expect(seen['HOME']).toMatch(/python-envs\/\.[0-9a-f]{64}\.home\./)
      expect(Object.values(seen)).not.toContain('secret')
      expect(existsSync(seen['HOME'] ?? '')).toBe(false)
    } finally {
      delete process.env['SLIPWAY_TEST_SECRET']
    }
  })

  it('are given up after their time', async () => {
    const dataDir = join(root, 'late')
    const stuck = join(root, 'stuck')
    mkdirSync(stuck)
    makeWheel(stuck, 'numpy', numpyStandIn())
    // A pipe that nobody writes to: the installer waits for it until it is ended.
    execFileSync('mkfifo', [join(stuck, 'rates-1.0-py3-none-any.whl')])
    await using app = await startTestApp({
      models,
      flags: [...flags(dataDir, stuck), '--serving.python.build-timeout-ms', '1s'],
    })
    expect(await (await app.post('/v2/repository/models/m/load')).text()).toMatch(/it took longer than 1 s/)
    expect(environmentsIn(dataDir)).toEqual([])
  })

  it('are called off when the server stops', async () => {
    const dataDir = join(root, 'stopped')
    const app = await startTestApp({ models, flags: flags(dataDir) })
    const caller = new AbortController()
    const path = '/v2/repository/models/m/load'
    const loading = app.fetch(path, { method: 'POST', signal: caller.signal }).catch(() => undefined)
    await eventually('the packages are being installed', async () =>
      (await reasonOf(app)).startsWith('installing') ? true : undefined,
    )
    // Why: a caller who waits for a load is answered before the server ends.
    caller.abort()
    await loading
    await app.stop()
    expect(environmentsIn(dataDir)).toEqual([])
  })

  it('are whole or not there when the server is killed in the middle', async () => {
    const dataDir = join(root, 'killed')
    const repository = join(root, 'killed-models')
    for (const [path, content] of Object.entries(models)) {
      mkdirSync(join(repository, path, '..'), { recursive: true })
      writeFileSync(join(repository, path), content)
    }
    const ports = ['--port', '0', '--grpc-port', '0', '--mlflow-port', 'off']
    const args = [...flags(dataDir), '--model-repository', repository, '--load-model', 'm', ...ports]
    const server = spawn(process.execPath, ['bin/slipway.mjs', 'up', ...args], { stdio: 'ignore' })
    const ended = new Promise((resolve) => server.on('exit', resolve))
    const environments = join(dataDir, 'python-envs')
    const begun = (): boolean =>
      existsSync(environments) &&
      readdirSync(environments).some(
        (name) => name.startsWith('.') && existsSync(join(environments, name, 'bin/python')),
      )
    await eventually('the environment is being made', () => (begun() ? true : undefined))
    server.kill('SIGKILL')
    await ended
    expect(environmentsIn(dataDir).filter((name) => /^[0-9a-f]{64}$/.test(name))).toEqual([])

    await using app = await startTestApp({ models, flags: flags(dataDir) })
    const loaded = await app.post('/v2/repository/models/m/load')
    expect(loaded.status, await loaded.text()).toBe(200)
    expect(environmentsIn(dataDir)).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)])
  })

  it('beyond the bound go, the least recently used first', async () => {
    const dataDir = join(root, 'bounded')
    const old = Array.from({ length: 4 }, (_, index) => String(index).repeat(64))
    for (const [index, name] of old.entries()) {
      mkdirSync(join(dataDir, 'python-envs', name), { recursive: true })
      utimesSync(join(dataDir, 'python-envs', name), 1000 + index, 1000 + index)
    }
    await using app = await startTestApp({
      models,
      flags: [...flags(dataDir), '--serving.python.environments-max', '3'],
    })
    expect((await app.post('/v2/repository/models/m/load')).status).toBe(200)
    const kept = environmentsIn(dataDir)
    expect(kept).toHaveLength(3)
    expect(kept).toEqual(expect.arrayContaining(old.slice(2)))
  })
})

describeWithPython('pickles', () => {
  it('are refused where the operator says so', async () => {
    await using app = await startTestApp({
      models: { 'm/1/model.py': pythonModel('return x'), 'm/1/weights.pkl': 'x' },
      flags: ['--python', testPython ?? '', '--serving.python.pickle', 'refuse', '--model-control', 'explicit'],
    })
    const failed = await app.post('/v2/repository/models/m/load')
    expect(await failed.text()).toMatch(/its file weights.pkl is a pickle or looks like one.*save the model with skops/)
  })
})
