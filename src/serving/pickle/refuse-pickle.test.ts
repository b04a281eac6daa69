import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { refusePickle } from './refuse-pickle.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'slipway-pickle-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const write = (path: string, content: string | Uint8Array): void => {
  mkdirSync(dirname(join(directory, path)), { recursive: true })
  writeFileSync(join(directory, path), content)
}
const latin = (text: string): Buffer => Buffer.from(text, 'latin1')

/** An archive of stored files, with bytes before and behind it. */
const zip = (names: readonly string[], content = Buffer.alloc(10), comment = Buffer.alloc(0)): Buffer => {
  const locals: Buffer[] = []
  const central: Buffer[] = []
  let offset = 0
  for (const name of names) {
    const local = Buffer.alloc(30)
    local.write('PK\x03\x04', 'latin1')
    local.writeUInt32LE(content.length, 18)
    local.writeUInt32LE(content.length, 22)
    local.writeUInt16LE(name.length, 26)
    const entry = Buffer.alloc(46)
    entry.write('PK\x01\x02', 'latin1')
    entry.writeUInt32LE(content.length, 20)
    entry.writeUInt32LE(content.length, 24)
    entry.writeUInt16LE(name.length, 28)
    entry.writeUInt32LE(offset, 42)
    locals.push(local, latin(name), content)
    central.push(entry, latin(name))
    offset += 30 + name.length + content.length
  }
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt32LE(Buffer.concat(central).length, 12)
  end.writeUInt32LE(offset, 16)
  end.writeUInt16LE(comment.length, 20)
  return Buffer.concat([...locals, ...central, end, comment])
}

const mlmodel = (flavor: string, fields: string, python = ''): string =>
  `flavors:\n  python_function:\n    loader_module: mlflow.${flavor}\n${python}  ${flavor}:\n${fields}mlflow_version: 3.1.0\n`

describe('a folder without pickles', () => {
  it.each([
    ['sklearn', '    pickled_model: model.skops\n    serialization_format: skops\n    skops_trusted_types: null\n'],
    ['xgboost', '    data: model.ubj\n    model_class: xgboost.sklearn.XGBClassifier\n    model_format: ubj\n'],
    ['sklearn', '    serialization_format: skops\n    skops_trusted_types:\n    - sklearn.tree._tree.Tree\n'],
    ['xgboost', '    data: model.xgb\n'],
    ['lightgbm', '    data: model.lgb\n    model_class: lightgbm.basic.Booster\n'],
    ['catboost', '    data: model.cb\n    model_type: CatBoostClassifier\n    save_format: cbm\n'],
    ['onnx', '    data: model.onnx\n    onnx_version: 1.16.0\n'],
    ['lightgbm', '    code: code\n    data: model.txt\n'],
  ])('passes with a model of %s:\n%s', async (flavor, fields) => {
    write('MLmodel', mlmodel(flavor, fields))
    const allowed = await refusePickle('m', directory)
    expect(allowed).toEqual({ MLFLOW_ALLOW_PICKLE_DESERIALIZATION: String(flavor === 'sklearn') })
  })

  it.each<[string, string | Uint8Array]>([
    ['model.skops', zip(['schema.json', 'object_1.npy'])],
    ['model.ubj', latin('{L\0\0\0\0\0\0\0\x02i')],
    ['model.txt', 'tree\nversion=v4\nnum_class=1\n'],
    ['model.cb', latin(`CBM1\x10\x02\0\0${'\0'.repeat(200)}`)],
    ['model.onnx', latin('\x08\x0a\x12\x07pytorch')],
    ['data.npy', latin("\x93NUMPY\x01\0v\0{'descr': '<f8'}")],
    ['data.npz', zip(['arr_0.npy'])],
    ['code/rates.py', 'import pickle\nimport os\n'],
    ['code/c.py', 'class Rates:\n    pass\n'],
    ['cities.csv', 'city\nname\nRome\nParis\n'],
    ['requirements.txt', 'Flask\ncatboost\nnumpy\nRequests==2\n'],
    ['requirements-2.txt', 'catboost\nnumpy\nRequests==2\n'],
    ['README', 'I am a model.\ncatboost\nnumpy\nR\n'],
    ['data-only', 'I1\n.'],
    ['numbers', latin('(K\x01K\x02t.')],
    ['empty', ''],
    ['short', Uint8Array.of(0x80)],
  ])('passes with %s', async (path, content) => {
    write(path, content)
    await refusePickle('m', directory)
  })
})

describe('a file that is a pickle', () => {
  const long = 'a'.repeat(200_000)
  it.each<[string, string | Uint8Array]>([
    ['its name', 'x'],
    ['its name, compressed', 'x'],
    ['protocol 4', latin('\x80\x04\x95\0')],
    ['protocol 0', "cposix\nsystem\n(S'id'\ntR."],
    ['protocol 0 that keeps values', "cposix\nsystem\np0\n(S'id'\np1\ntp2\nRp3\n."],
    ['protocol 0 with an instance', "(S'id'\niposix\nsystem\n."],
    ['protocol 0 with an instance of what was imported', "(cposix\nsystem\nS'id'\no."],
    ['protocol 1', latin('cposix\nsystem\n(U\x02idtR.')],
    ['protocol 2 without saying so', latin('cposix\nsystem\nX\x02\0\0\0id\x85R.')],
    ['protocol 4 without saying so', latin('\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.')],
    ['a state', latin('capp\nThing\n)\x81}b.')],
    ['an import alone', 'cantigravity\nfly\n.'],
    ['values before the call', latin(`(((K\x01K\x02tN0cposix\nsystem\n(S'id'\ntR.`)],
    ['a long text before the call', `V${long}\n0cposix\nsystem\n(S'id'\ntR.`],
    [
      'a long counted text before the call',
      Buffer.concat([latin('X\x40\x0d\x03\0'), latin(long), latin("0cposix\nsystem\n(S'id'\ntR.")]),
    ],
    ['pickles before that one', "I1\n.(lp0\n.cposix\nsystem\n(S'id'\ntR."],
    ['no end', latin("cposix\nsystem\n(S'id'\ntR")],
    ['more opcodes than anybody needs', 'N0'.repeat(150_000)],
  ])('is refused: %s', async (name, content) => {
    const path = { 'its name': 'artifacts/deep/WEIGHTS.PT', 'its name, compressed': 'model.joblib.gz' }[name]
    write(path ?? 'weights', content)
    await expect(refusePickle('m', directory)).rejects.toThrow(/its file .* is a pickle or looks like one/)
    await expect(refusePickle('m', directory)).rejects.toThrow(/save the model with skops, as ONNX/)
  })

  const many = Array.from({ length: 3000 }, (_, index) => `archive/data/${String(index).padStart(40, '0')}`)
  it.each<[string, Uint8Array]>([
    ['in an archive', zip(['archive/data.pkl', 'archive/version'])],
    ['in an archive far from its end', zip(['archive/data.pkl', ...many])],
    ['in an archive with a long comment', zip(['archive/data.pkl'], Buffer.alloc(10), Buffer.alloc(65_000))],
    ['in an archive behind something else', Buffer.concat([Buffer.alloc(100_000), zip(['archive/data.pkl', ...many])])],
    ['in an archive that is damaged', latin(`PK\x03\x04${'\0'.repeat(100_000)}archive/data.pkl`)],
  ])('is refused %s', async (_, content) => {
    write('model.bin', content)
    await expect(refusePickle('m', directory)).rejects.toThrow(/its file model.bin is a pickle/)
  })

  it('is refused behind a link, and so are links to folders', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'slipway-outside-'))
    try {
      symlinkSync(outside, join(directory, 'artifacts'))
      await expect(refusePickle('m', directory)).rejects.toThrow(/its artifacts is neither a file nor a folder/)
    } finally {
      rmSync(outside, { recursive: true })
    }
  })
})

describe('an MLmodel that does not rule a pickle out', () => {
  const skops = '    serialization_format: skops\n'
  it.each<[string, RegExp]>([
    ['flavors: [', /its MLmodel can't be read/],
    [`a: *b\n${mlmodel('sklearn', skops)}`, /its MLmodel can't be read/],
    [`${mlmodel('sklearn', skops)}deep: ${'['.repeat(150)}`, /its MLmodel can't be read/],
    ['flavors: {}', /its python_function is loaded by not told/],
    [
      mlmodel('sklearn', '    pickled_model: model.bin\n'),
      /flavor sklearn may be a pickle: its serialization_format is not told/,
    ],
    [mlmodel('sklearn', '    serialization_format: cloudpickle\n'), /its serialization_format is "cloudpickle"/],
    [mlmodel('sklearn', `${skops}    skops_trusted_types: [builtins.eval]\n`), /names types to trust/],
    [mlmodel('sklearn', skops, '    python_model: model.bin\n'), /its python_function has a python_model/],
    [mlmodel('sklearn', skops).replace('mlflow.sklearn', 'mlflow.pyfunc.model'), /is loaded by "mlflow.pyfunc.model"/],
    [mlmodel('sklearn', skops).replace('mlflow.sklearn', 'loader'), /is loaded by "loader"/],
    [mlmodel('sklearn', skops).replace('mlflow.sklearn', 'mlflow.xgboost'), /its flavor xgboost is not told/],
    [mlmodel('pytorch', '    model_data: data\n'), /is loaded by "mlflow.pytorch"/],
    [mlmodel('sklearn', `${skops}  pytorch:\n    model_data: data\n`), /its flavor pytorch is not one/],
    [
      mlmodel('lightgbm', '    data: model.lgb\n    model_class: lightgbm.sklearn.LGBMClassifier\n'),
      /its model_class is/,
    ],
    [mlmodel('lightgbm', '    data: model.bin\n'), /its data is "model.bin"/],
    [mlmodel('xgboost', '    data: model.ubj\n    model_class: evil.Booster\n'), /its model_class is "evil.Booster"/],
    // From another folder MLflow would read as a pickle what this one calls skops.
    [
      mlmodel('sklearn', skops, '    data: ../../other/1/weights\n'),
      /its python_function names "..\/..\/other\/1\/weights"/,
    ],
    [mlmodel('sklearn', skops, '    data: /srv/weights\n'), /its python_function names "\/srv\/weights"/],
    [mlmodel('sklearn', skops, '    data: inner/model.skops\n'), /its python_function names "inner\/model.skops"/],
    [mlmodel('sklearn', skops, '    model_path: ..\n'), /its python_function names ".."/],
    [mlmodel('sklearn', skops, '    code: ../other/code\n'), /its python_function names "..\/other\/code"/],
    [mlmodel('xgboost', '    data: ../other/model.ubj\n'), /its flavor xgboost names "..\/other\/model.ubj"/],
    [mlmodel('catboost', '    data: model.cb\n    save_format: python\n'), /its save_format is "python"/],
    // What Python's reader of YAML would see otherwise.
    [
      mlmodel('lightgbm', '    data: model.lgb # x\u2028    model_class: x\n'),
      /line ends that readers take in two ways/,
    ],
    [mlmodel('lightgbm', '    data: model.lgb # x\r    model_class: x\n'), /line ends that readers take in two ways/],
    [mlmodel('lightgbm', '    data: model.lgb\n    <<: {model_class: x}\n'), /merges keys/],
    [mlmodel('lightgbm', '    data: model.lgb\n    model_class: !!null x\n'), /tags or directives/],
    [`%YAML 1.1\n---\n${mlmodel('sklearn', skops)}`, /tags or directives/],
    [mlmodel('sklearn', `    serialization_format: pickle\n${skops}`), /is there twice/],
  ])('is refused: %s', async (text, reason) => {
    write('MLmodel', text)
    await expect(refusePickle('m', directory)).rejects.toThrow(reason)
  })

  it('is refused when it is too large, a folder, or not the only one', async () => {
    write('MLmodel', ' '.repeat(4 * 1024 ** 2 + 1))
    await expect(refusePickle('m', directory)).rejects.toThrow(/larger than/)
    write('MLmodel', mlmodel('sklearn', skops))
    write('inner/MLmodel', mlmodel('sklearn', skops))
    await expect(refusePickle('m', directory)).rejects.toThrow(/a second description of a model, inner\/MLmodel/)
    rmSync(join(directory, 'MLmodel'))
    rmSync(join(directory, 'inner'), { recursive: true })
    mkdirSync(join(directory, 'MLmodel'))
    await expect(refusePickle('m', directory)).rejects.toThrow(/it is not a file/)
  })
})
