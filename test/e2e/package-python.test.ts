import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runSlipway } from './run-slipway.ts'
import type { Ran } from './run-slipway.ts'
import { inferBody } from '../../src/testing/index.ts'
import { readImage, startContainer, unpackImage } from './image-container.ts'
import type { Image } from './image-container.ts'
import { describeWithPython, pythonModel, testPython } from './test-python.ts'

/** Makes a wheel again of the numpy that the interpreter of the tests has, so that nothing is fetched. */
const packNumpy = `
import importlib.metadata, sys, zipfile
numpy = importlib.metadata.distribution("numpy")
tag = next(line[5:].strip() for line in numpy.read_text("WHEEL").splitlines() if line.startswith("Tag: "))
with zipfile.ZipFile(f"{sys.argv[1]}/numpy-{numpy.version}-{tag}.whl", "w") as wheel:
    for path in numpy.files:
        name = str(path)
        if not name.startswith("..") and "__pycache__" not in name and "/tests/" not in name:
            wheel.write(path.locate(), name)
`
const postprocess = `
import sys, zoneinfo, sqlite3, ssl
import numpy as np

def postprocess(outputs):
    hour = zoneinfo.ZoneInfo("UTC").key
    return {"z": outputs["y"] + 1, "where": np.full(outputs["y"].shape, f"{sys.executable} {np.__file__} {hour}")}
`
const modelYaml = `
model: model.py
name: snake
postprocess: post.py
signature:
  inputs: [{ name: x, datatype: FP32, shape: [-1, 1] }]
  outputs: [{ name: z, datatype: FP32, shape: [-1, 1] }, { name: where, datatype: BYTES, shape: [-1, 1] }]
`
const describeOnLinux = process.platform === 'linux' ? describeWithPython : describe.skip

describeOnLinux('an image of a package that needs Python', () => {
  let root: string
  let image: Image

  const slipway = (...args: readonly string[]): Promise<Ran> =>
    runSlipway(undefined, args, {
      directory: root,
      environment: { PATH: process.env['PATH'], PIP_NO_INDEX: '1', PIP_FIND_LINKS: join(root, 'wheels') },
    })
  const project = (name: string, yaml = modelYaml): string => {
    const folder = join(root, name)
    mkdirSync(folder)
    writeFileSync(join(folder, 'model.yaml'), yaml)
    writeFileSync(join(folder, 'model.py'), pythonModel('return x * 2'))
    writeFileSync(join(folder, 'post.py'), postprocess)
    return folder
  }
  const imaged = (name: string, python = testPython ?? ''): ReturnType<typeof slipway> =>
    slipway('package', name, '--output', `${name}-out`, '--oci', `${name}-image`, '--python', python)
  /** What is left of the making of an image. */
  const parts = (): string[] => readdirSync(root).filter((name) => name.startsWith('.'))

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'slipway-package-python-'))
    mkdirSync(join(root, 'wheels'))
    execFileSync(testPython ?? '', ['-I', '-c', packNumpy, join(root, 'wheels')])
    project('snake')
    const { code, out, err } = await imaged('snake')
    expect([code, err]).toEqual([
      0,
      expect.stringMatching(/^installing 1 package: numpy\n.*\nCompiling \d+ modules\n$/s),
    ])
    image = readImage(join(root, 'snake-image'), /image (\S+)/.exec(out)?.[1] ?? '')
  }, 300_000)
  afterAll(() => rmSync(root, { recursive: true, force: true }))

  it('has layers that images share before those of the model', () => {
    expect(image.config.history.map(({ comment }) => comment)).toEqual([
      'Node and its libraries',
      expect.stringMatching(/^Python 3\.\d+\.\d+ and its libraries$/),
      expect.stringMatching(/^Slipway \d/),
      'Packages of Python',
      'snake version 1',
    ])
    expect(parts()).toEqual([])
  })

  it('names the numpy that a server adds, in the version of today', () => {
    expect(readFileSync(join(root, 'snake-out/snake/1/requirements.txt'), 'utf8')).toMatch(/^numpy==\d+\.\d+\.\d+\n$/)
  })

  it('is the same when it is made again', async () => {
    rmSync(join(root, 'snake-image'), { recursive: true })
    const { out } = await imaged('snake')
    const again = readImage(join(root, 'snake-image'), /image (\S+)/.exec(out)?.[1] ?? '')
    expect(again.manifest).toEqual(image.manifest)
  }, 300_000)

  it.runIf(process.getuid?.() === 0)(
    'runs by its own files alone',
    async () => {
      const system = join(root, 'system')
      unpackImage(join(root, 'snake-image'), image, system)
      await using container = await startContainer(image, system)
      const response = await fetch(`${container.url}/v2/models/snake/infer`, {
        method: 'POST',
        body: JSON.stringify(inferBody([1, 2.5])),
      })
      const where = expect.stringMatching(/^\/opt\/environment\/bin\/python \/opt\/environment\/lib\/.* UTC$/) as string
      expect(await response.json()).toMatchObject({
        outputs: [
          { name: 'z', data: [3, 6] },
          { name: 'where', data: [where, where] },
        ],
      })
      expect(programs().filter((program) => program.startsWith(`${system}/usr/local/bin/python3`))).toHaveLength(2)
      expect(await container.stop()).toBe(0)
    },
    180_000,
  )

  it('is not made where its place is taken, by an interpreter that there is not or that is none, or without numpy', async () => {
    project('other')
    mkdirSync(join(root, 'other-image'))
    writeFileSync(join(root, 'other-image', 'thesis.txt'), '')
    expect(await imaged('other')).toMatchObject({ code: 1, err: expect.stringMatching(/is there already/) as string })
    rmSync(join(root, 'other-image'), { recursive: true })
    const program = (name: string, text: string): string => {
      const pip = `while [ $# -gt 0 ]; do [ "$1" = --report ] && { echo '{"install":[]}' > "$2"; exit; }; shift; done`
      writeFileSync(join(root, name), `#!/bin/sh\n${pip}\necho '${text}'\n`, { mode: 0o755 })
      return join(root, name)
    }
    const facts = { program: '/p/python', prefix: '/p', library: '/p/lib/python3.12', version: '3.12.1' }
    const answer = { ...facts, cacheTag: 'cpython-312', implementation: 'cpython', platform: 'linux-riscv64', bits: 64 }
    for (const [python, reason] of [
      ['/nowhere/python', /\/nowhere\/python can't be run: .*ENOENT/],
      [program('silent', ''), /it answered something else than was asked/],
      [program('foreign', JSON.stringify(answer)), /it is for linux-riscv64 of 64 bits, and the image for linux-/],
      [program('pypy', JSON.stringify({ ...answer, implementation: 'pypy' })), /it is pypy, not CPython/],
    ] as const)
      expect(await imaged('other', python)).toMatchObject({ code: 1, err: expect.stringMatching(reason) as string })
    rmSync(join(root, 'wheels'), { recursive: true })
    expect(await imaged('other')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/pip could not freeze the requirements.*numpy/s) as string,
    })
    expect([existsSync(join(root, 'other-image')), parts()]).toEqual([false, []])
  }, 120_000)

  it.each([
    ['--index-url https://evil.example/simple\nnumpy', /is an option/],
    ['-e .', /is an option/],
    ['numpy @ https://evil.example/numpy.whl', /does not name a package/],
  ])('is not made of requirements that a server would not take: %s', async (text, reason) => {
    const folder = project('hostile')
    writeFileSync(join(folder, 'model.yaml'), 'model: .\nname: snake\n')
    writeFileSync(join(folder, 'requirements.txt'), text)
    expect(await imaged('hostile')).toMatchObject({ code: 1, err: expect.stringMatching(reason) as string })
    rmSync(join(folder, 'requirements.txt'))
    symlinkSync('/etc/passwd', join(folder, 'requirements.txt'))
    expect(await imaged('hostile')).toMatchObject({ code: 1, err: expect.stringMatching(/leads out of/) as string })
    expect([existsSync(join(root, 'hostile-image')), parts()]).toEqual([false, []])
    rmSync(folder, { recursive: true })
  })
})

/** The programs that run on this machine. */
const programs = (): string[] =>
  readdirSync('/proc').flatMap((name) => {
    try {
      return /^\d+$/.test(name) ? [readlinkSync(join('/proc', name, 'exe'))] : []
    } catch {
      return []
    }
  })
