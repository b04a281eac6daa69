import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
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

describe('a folder without pickles', () => {
  it('passes: native formats, skops, code, nothing', async () => {
    await refusePickle('m', directory)
    write('MLmodel', 'flavors:\n  sklearn:\n    serialization_format: skops\n')
    write('model.skops', 'PK\x03\x04 schema.json object_1.npy')
    write('model.ubj', Uint8Array.of(0x7b, 0x4c))
    write('code/rates.py', 'import pickle')
    write('empty', '')
    write('short', Uint8Array.of(0x80))
    await refusePickle('m', directory)
  })
})

describe('a folder with pickles', () => {
  it.each<[string, string | Uint8Array, RegExp]>([
    ['model.pkl', 'x', /its file model.pkl is a pickle/],
    ['artifacts/deep/WEIGHTS.PT', 'x', /WEIGHTS.PT/],
    ['model.joblib', 'x', /model.joblib/],
    ['weights', Uint8Array.of(0x80, 0x04, 0x95, 0), /its file weights is a pickle/],
    ['model.bin', `PK\x03\x04${'\0'.repeat(100_000)}archive/data.pkl`, /model.bin/],
    [
      'MLmodel',
      'flavors:\n  sklearn:\n    serialization_format: cloudpickle\n',
      /its flavor sklearn is written as cloudpickle/,
    ],
  ])('is refused for %s', async (path, content, reason) => {
    write(path, content)
    await expect(refusePickle('m', directory)).rejects.toThrow(reason)
    await expect(refusePickle('m', directory)).rejects.toThrow(/save the model with skops, as ONNX/)
  })
})
