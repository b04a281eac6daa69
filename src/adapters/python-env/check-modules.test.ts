import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { moduleProblem } from './check-modules.ts'
import type { Interpreter } from './interpreter.ts'
import { findInterpreter } from './interpreter.ts'

const environment = { PATH: process.env['PATH'] ?? '' }
const found = await findInterpreter('python3', environment)
const base: Interpreter | undefined = 'problem' in found ? undefined : found

describe.skipIf(base === undefined)('a module that is looked at and not run', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'slipway-modules-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  const problemOf = (source: string | Uint8Array, functions: readonly string[] = ['predict']) => {
    const path = join(folder, 'model.py')
    writeFileSync(path, source)
    return moduleProblem(base as Interpreter, [{ path, functions }], environment)
  }

  it.each([
    'x = 1',
    '',
    'raise SystemExit(0)',
    'def fit(): predict = 1',
    'class Model: pass',
    'class Model:\n    def load(self): self.predictor = 1',
    'class Other:\n    def predict(self, inputs): return {}',
    'import predict.inner as inner',
    '"""def predict(inputs): ..."""',
  ])('surely has no predict: %j', async (source) => {
    expect(await problemOf(source)).toBe('model.py must define predict(inputs), or a class Model that does')
  })

  it.each([
    'def predict(inputs): return {}',
    'async def predict(inputs): return {}',
    'predict = lambda inputs: inputs',
    'for predict in [print]: pass',
    'try: import predict\nexcept ImportError as predict: pass',
    'match print:\n    case predict: pass',
    'if (predict := print): pass',
    'def make():\n    global predict\n    predict = print\nmake()',
    'class Model:\n    def predict(self, inputs): return {}',
    'class Model:\n    from inner import predict',
    'class Model:\n    def __init__(self): self.predict = print',
    'import inner\nclass Model(inner.Base): pass',
    'import inner\n@inner.made\nclass Model: pass',
    'from inner import Base as Model',
    'from inner import *',
    'import inner\nglobals().update(vars(inner))',
    'import sys\nsetattr(sys.modules[__name__], "pre" + "dict", print)',
    'def __getattr__(name): return print',
    'class Model: pass\nModel.predict = print',
    'exec("def predict(inputs): return {}")',
  ])('may have one: %j', async (source) => {
    expect(await problemOf(source)).toBeUndefined()
  })

  it('says where its text is no Python', async () => {
    expect(await problemOf('x = 1\ndef predict(inputs: return')).toMatch(/^SyntaxError: .*\(model.py, line 2\)$/)
    expect(await problemOf(Uint8Array.of(0x78, 0xff))).toMatch(/^SyntaxError: /)
  })

  it('must have one of the functions that it is there for', async () => {
    expect(await problemOf('def predict(x): return x', ['preprocess', 'predict'])).toBeUndefined()
    expect(await problemOf('def prepare(x): return x', ['preprocess', 'predict'])).toMatch(/must define preprocess/)
  })

  it('is left to its host when it can not be read here', async () => {
    expect(await problemOf(`x = ${'('.repeat(100_000)}`)).not.toMatch(/must define/)
    expect(await problemOf(`${'#'.repeat(1000)}\n`.repeat(9000))).toBeUndefined()
    const missing = [{ path: join(folder, 'absent.py'), functions: ['predict'] }]
    expect(await moduleProblem(base as Interpreter, missing, environment)).toBeUndefined()
    const broken = { path: '/bin/false', version: '3.0.0' }
    expect(await moduleProblem(broken, missing, environment)).toBeUndefined()
  })
})
