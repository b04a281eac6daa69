import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addModel, inferBody, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { hosts } from './hosts.ts'
import { expectOk, moveAlias, putEndpoint, registerVersion } from './registered-version.ts'
import { mayHaveSmallDisk, smallDisk } from './small-disk.ts'
import { spawnServer } from './spawn-server.ts'

/** Generous, since the machine may be busy with other work. */
const soon = { timeout: 20_000 }

type Files = Readonly<Record<string, string | Uint8Array>>

const tensor = (name: string, more: object = {}): object => ({
  name,
  datatype: 'FP32',
  shape: [1, 1],
  data: [1],
  ...more,
})
const golden = (inputs: unknown, outputs: unknown, more: object = {}): Files => ({
  'model.mjs': addModel(1),
  'golden.json': JSON.stringify({ cases: [{ inputs, outputs }], ...more }),
})
const goldenText = (text: string): Files => ({ 'model.mjs': addModel(1), 'golden.json': text })
const pbtxt = (text: string): Files => ({ 'model.mjs': addModel(1), 'config.pbtxt': text })
/** A model with an example as MLflow saves one. */
const example = (info: string, more: Files = {}): Files => ({
  'model.mjs': addModel(1),
  'config.pbtxt': 'backend: "js"',
  MLmodel: `saved_input_example_info:\n${info}`,
  ...more,
})
const body = (text: string): Files => example('  serving_input_path: in.json\n', { 'in.json': text })

const good = [[tensor('x')], [tensor('y', { data: [2] })]] as const

const hostile: readonly (readonly [what: string, files: Files, reason: RegExp])[] = [
  ['golden cases of 2 MiB', goldenText(' '.repeat(2 * 1024 ** 2)), /golden\.json has 2097152 bytes; 1048576 are read/],
  ['golden cases a hundred thousand deep', goldenText('['.repeat(100_000)), /golden\.json: .*nest/],
  ['golden cases that are no JSON', goldenText('{"cases": [NaN'), /golden\.json: /],
  [
    'golden cases in bytes that are no text',
    { ...goldenText(''), 'golden.json': new Uint8Array([0xff, 0xfe, 0]) },
    /golden\.json: /,
  ],
  [
    '101 golden cases',
    goldenText(JSON.stringify({ cases: Array.from({ length: 101 }, () => ({})) })),
    /a list of 1 to 100/,
  ],
  [
    'a golden case of an unknown input',
    golden([tensor('__proto__')], good[1]),
    /golden case 0 is not an input of it: .*__proto__/,
  ],
  ['a golden case of an unknown output', golden(good[0], [tensor('constructor')]), /output 'constructor' is missing/],
  [
    'a golden case that says an input twice',
    golden([tensor('x'), tensor('x')], good[1]),
    /golden case 0 is not an input of it/,
  ],
  [
    'a golden case with a huge shape',
    golden([tensor('x', { shape: [2 ** 30, 2 ** 30] })], good[1]),
    /case 0, inputs: 'x'/,
  ],
  ['a golden case with a negative size', golden([tensor('x', { shape: [-1, 1] })], good[1]), /no list of sizes/],
  [
    'a golden case whose shape has a million sizes',
    golden([tensor('x', { shape: Array(100_000).fill(1) })], good[1]),
    /case 0|golden case 0/,
  ],
  [
    'a golden case with the wrong rank',
    golden([tensor('x', { shape: [1] })], good[1]),
    /golden case 0 is not an input of it/,
  ],
  [
    'a golden case of another type',
    golden([tensor('x', { datatype: 'INT64' })], good[1]),
    /golden case 0 is not an input of it/,
  ],
  [
    'a golden case of a type that is none',
    golden([tensor('x', { datatype: 'toString' })], good[1]),
    /the datatype of 'x' is none of/,
  ],
  ['a golden case with text for numbers', golden([tensor('x', { data: ['1e999'] })], good[1]), /case 0, inputs: 'x'/],
  ['a golden case with too few values', golden([tensor('x', { shape: [2, 1] })], good[1]), /case 0, inputs: 'x'/],
  [
    'a tolerance below nothing',
    golden(...good, { tolerance: { absolute: -1 } }),
    /'tolerance' must have numbers of at least 0/,
  ],
  ['a tolerance that is a list', golden(...good, { tolerance: [] }), /'tolerance' must/],
  ['an empty example', body(''), /its input example can't be read/],
  ['an example a hundred thousand deep', body('['.repeat(100_000)), /its input example can't be read/],
  [
    'an example with other names',
    body('{"inputs": {"__proto__": [[1]]}}'),
    /its input example can't be read|fails on its input example/,
  ],
  ['an example of another shape', body('{"inputs": {"x": [[[1, 2], [3, 4]]]}}'), /input example/],
  ['an example that is text', body('{"inputs": {"x": [["one"]]}}'), /input example/],
  ['an example that is not there', example('  serving_input_path: in.json\n'), /its input example can't be read/],
  [
    'an example that leads out',
    example('  serving_input_path: ../../../slipway.lock\n'),
    /is not a file beside MLmodel/,
  ],
  ['an example that is a folder', example('  serving_input_path: dir\n', { 'dir/in.json': '{}' }), /dir is not a file/],
  ['an example of 17 MiB', body(' '.repeat(17 * 1024 ** 2)), /in\.json has \d+ bytes; 16777216 are read/],
  ['a configuration of another name', pbtxt('name: "other"'), /other/],
  ['a configuration that is none', pbtxt('{{{{'), /config\.pbtxt/],
  ['a configuration a hundred thousand deep', pbtxt('a {'.repeat(100_000)), /config\.pbtxt/],
  ['a configuration of 4 MiB', pbtxt('#'.repeat(4 * 1024 ** 2)), /config\.pbtxt/],
  [
    'a file of the model elsewhere',
    pbtxt('default_model_filename: "../../../slipway.lock"'),
    /default_model_filename|slipway\.lock/,
  ],
  [
    'a billion instances',
    pbtxt('instance_group { count: 1000000000 kind: KIND_CPU }'),
    /instance_group|count|instances/,
  ],
  ['a batch beyond numbers', pbtxt('max_batch_size: 99999999999999999999'), /max_batch_size/],
  [
    'a warm-up that never ends',
    pbtxt(
      'max_batch_size: 4 model_warmup { name: "w" batch_size: 1 count: 4294967295 inputs { key: "x" value { data_type: TYPE_FP32 dims: 1 zero_data: true } } }',
    ),
    /warmup|count/,
  ],
  [
    'a warm-up as large as memory',
    pbtxt(
      'max_batch_size: 4 model_warmup { name: "w" batch_size: 1 inputs { key: "x" value { data_type: TYPE_FP32 dims: 9007199254740991 zero_data: true } } }',
    ),
    /warmup|dims|large/,
  ],
  ['a step elsewhere', pbtxt('parameters { key: "preprocess" value { string_value: "../../../x.ts" } }'), /preprocess/],
  ['a model that is a folder', { 'model.mjs/model.mjs/x.txt': 'x' }, /load/],
]

describe('a version made to do harm', () => {
  let app: TestApp
  const answer = async (): Promise<string> =>
    String((await expectOk(await app.post('/v2/models/fraud/infer', inferBody([10]))))['model_version'])

  beforeAll(async () => {
    app = await startTestApp()
    await registerVersion(app, 'fraud', { 'model.mjs': addModel(1) })
    await expectOk(await moveAlias(app, 'fraud', 'champion', 1))
    await expectOk(await putEndpoint(app, 'fraud', { reference: 'models:/fraud@champion' }))
  })
  afterAll(() => app.stop())

  it.each(hostile)('that has %s is refused with the reason, and the incumbent serves on', async (_, files, reason) => {
    const version = await registerVersion(app, 'fraud', files)
    const before = app.log.length
    const refused = await moveAlias(app, 'fraud', 'champion', version)
    const { message } = (await refused.json()) as { message: string }
    expect([refused.status, message]).toEqual([409, expect.stringMatching(reason)])
    expect(message.length).toBeLessThan(2000)
    expect(app.log.slice(before).map(({ event }) => event)).toContain('endpoint.move_refused')
    expect(app.log.slice(before).filter(({ level }) => level === 'error')).toEqual([])
    expect(await answer()).toBe('1')
    await expect.poll(() => hosts().length, soon).toBe(1)
    expect(readdirSync(join(app.dataDir, 'served'))).toHaveLength(2)
  })
})

describe('files of a version', () => {
  type Door = Pick<TestApp, 'fetch' | 'post'>

  const incumbent = async (app: Door): Promise<string> =>
    String((await expectOk(await app.post('/v2/models/fraud/infer', inferBody([10]))))['model_version'])

  const makeFraud = async (app: Door): Promise<void> => {
    await registerVersion(app, 'fraud', { 'model.mjs': addModel(1) })
    await expectOk(await moveAlias(app, 'fraud', 'champion', 1))
    await expectOk(await putEndpoint(app, 'fraud', { reference: 'models:/fraud@champion' }))
  }

  const startFraud = async (): Promise<TestApp> => {
    const app = await startTestApp()
    await makeFraud(app)
    return app
  }

  const refusal = async (app: Door, version: number): Promise<[number, string]> => {
    const refused = await moveAlias(app, 'fraud', 'champion', version)
    return [refused.status, ((await refused.json()) as { message: string }).message]
  }

  /** Bytes of an artifact where the store keeps them. */
  const blobOf = (app: TestApp, text: string): string => {
    const digest = createHash('sha256').update(text).digest('hex')
    return join(app.dataDir, 'artifacts', 'sha256', digest.slice(0, 2), digest.slice(2))
  }

  it('that change or vanish in the store after they were registered are not loaded', async () => {
    await using app = await startFraud()
    for (const [amount, harm, reason] of [
      [5, (path: string) => writeFileSync(path, addModel(6)), /its bytes are not those that were registered/],
      [7, (path: string) => rmSync(path), /'model\.mjs' can't be served: its bytes are gone/],
    ] as const) {
      const version = await registerVersion(app, 'fraud', { 'model.mjs': addModel(amount) })
      harm(blobOf(app, addModel(amount)))
      expect(await refusal(app, version)).toEqual([409, expect.stringMatching(reason)])
      expect(await incumbent(app)).toBe('1')
      expect(readdirSync(join(app.dataDir, 'served'))).toHaveLength(2)
    }
  })

  it('that would be file and folder at once can’t be stored', async () => {
    await using app = await startFraud()
    const files = { 'model.mjs': addModel(2), a: 'file', 'a/b': 'below it' }
    await expect(registerVersion(app, 'fraud', files)).rejects.toThrow(/^4\d\d /)
    expect(await incumbent(app)).toBe('1')
  })

  it.runIf(mayHaveSmallDisk)('that don’t fit on the disk are refused with that, and leave nothing there', async () => {
    const root = mkdtempSync(join(tmpdir(), 'slipway-disk-'))
    mkdirSync(join(root, 'data'))
    const disk = smallDisk(join(root, 'data'), 8)
    const server = await spawnServer(join(root, 'data'), { within: disk.within })
    try {
      await makeFraud(server)
      const weights = Buffer.alloc(5 * 1024 ** 2, 7)
      const version = await registerVersion(server, 'fraud', { 'model.mjs': addModel(2), 'weights.bin': weights })
      expect(await refusal(server, version)).toEqual([
        409,
        expect.stringMatching(/no space left to write the files of/),
      ])
      expect(await incumbent(server)).toBe('1')
      expect(readdirSync(join(disk.seenOf(server), 'served'))).toHaveLength(2)
      disk.resize(server, 32)
      await expectOk(await moveAlias(server, 'fraud', 'champion', version))
      expect(await incumbent(server)).toBe(String(version))
      expect(await server.stop()).toBe(0)
    } finally {
      await server.kill()
      rmSync(root, { recursive: true, force: true })
    }
  })
})
