import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConversionCache } from './conversion-cache.ts'
import type { ConvertJob, Converted } from './convert-job.ts'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'slipway-conversions-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const write = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

const job: Omit<ConvertJob, 'output' | 'result'> = {
  source: '/somewhere/model.pkl',
  flavor: 'sklearn',
  facts: {},
  signature: null,
  example: null,
  sample: null,
  label: null,
  inputs: null,
  rows: 10,
  seed: 7,
  tolerance: 1e-4,
  agreement: 0.99,
  opset: null,
  quantize: null,
  limits: { memoryBytes: 1, fileBytes: 1 },
}

const converted = { estimator: 'Ridge' } as Converted
const key = (digit: string): string => digit.repeat(64)

/** An interpreter that has the packages of this digest. */
const python = (packages: string, name = 'python'): string => {
  const path = write(name, `#!/bin/sh\necho ${packages}\n`)
  chmodSync(path, 0o755)
  return path
}

const keyOf = (change: Partial<typeof job> = {}, origin: object = {}): Promise<string | undefined> =>
  new ConversionCache(join(folder, 'cache')).keyOf(
    { ...job, ...change },
    {
      python: python(key('a')),
      folder,
      environment: { PATH: process.env['PATH'] },
      sourceFiles: [{ path: '', sha256: key('1') }],
      slipway: '1.0.0',
      ...origin,
    },
  )

describe('the key of a conversion', () => {
  it('is the same wherever the model lies and whatever the process may use', async () => {
    const first = await keyOf()
    expect(first).toMatch(/^[0-9a-f]{64}$/)
    expect(await keyOf({ source: '/elsewhere/model.pkl', limits: { memoryBytes: 2, fileBytes: 2 } })).toBe(first)
    const example = (at: string) => keyOf({ source: at, example: join(at, 'input_example.json') })
    expect(await example('/one/place')).toBe(await example('/another'))
    const sample = write('rows.json', '[{"x": 1}]')
    expect(await keyOf({ sample })).toBe(await keyOf({ sample: write('same.json', '[{"x": 1}]') }))
  })

  it('is another one for other bytes, options, packages, and versions of this program', async () => {
    const sample = write('rows.json', '[{"x": 1}]')
    const keys = [
      await keyOf(),
      await keyOf({}, { sourceFiles: [{ path: '', sha256: key('2') }] }),
      await keyOf({ sample }),
      await keyOf({ sample: write('others.json', '[{"x": 2}]') }),
      await keyOf({ source: '/one/place', example: '/one/place/rows.json' }),
      await keyOf({ source: '/one/place', example: '/one/place/others.json' }),
      await keyOf({ tolerance: 1e-3 }),
      await keyOf({ quantize: 'int8' }),
      await keyOf({ opset: 17 }),
      await keyOf({ label: 'y' }),
      await keyOf({}, { python: python(key('b'), 'newer') }),
      await keyOf({}, { slipway: '1.0.1' }),
    ]
    expect(new Set(keys).size).toBe(keys.length)
  })

  it('is unknown where the interpreter can not be asked', async () => {
    expect(await keyOf({}, { python: join(folder, 'none') })).toBeUndefined()
    expect(await keyOf({}, { python: python('nonsense', 'odd') })).toBeUndefined()
  })
})

describe('kept conversions', () => {
  const open = (bounds?: { entriesMax: number; bytesMax: number }): ConversionCache =>
    new ConversionCache(join(folder, 'cache'), bounds)

  it('are found as they were', async () => {
    const cache = open()
    expect(await cache.find(key('1'))).toBeUndefined()
    await cache.keep(key('1'), { converted, model: write('model.onnx', 'bytes') })
    const found = await cache.find(key('1'))
    expect(found?.converted).toEqual(converted)
    expect(readFileSync(found?.model ?? '', 'utf8')).toBe('bytes')
  })

  it('are dropped once their bytes have changed', async () => {
    const cache = open()
    await cache.keep(key('1'), { converted, model: write('model.onnx', 'bytes') })
    writeFileSync(join(folder, 'cache', key('1'), 'model.onnx'), 'bytez')
    expect(await cache.find(key('1'))).toBeUndefined()
    expect(readdirSync(join(folder, 'cache'))).toEqual([])
  })

  it('stay within their bounds: what was used longest ago goes, and what is larger than all is not kept', async () => {
    const cache = open({ entriesMax: 3, bytesMax: 10 })
    const model = write('model.onnx', 'four')
    for (const [age, digit] of ['1', '2'].entries()) {
      await cache.keep(key(digit), { converted, model })
      utimesSync(join(folder, 'cache', key(digit)), 1000 + age, 1000 + age)
    }
    expect(await cache.find(key('1'))).toBeDefined()
    await cache.keep(key('3'), { converted, model })
    expect(readdirSync(join(folder, 'cache')).toSorted()).toEqual([key('1'), key('3')])
    await cache.keep(key('4'), { converted, model: write('large.onnx', 'eleven byte') })
    expect(await cache.find(key('4'))).toBeUndefined()
    const small = write('small.onnx', '')
    for (const digit of ['5', '6', '7', '8']) await cache.keep(key(digit), { converted, model: small })
    expect(readdirSync(join(folder, 'cache'))).toHaveLength(3)
  })
})
