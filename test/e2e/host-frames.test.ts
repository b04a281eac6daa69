import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { addModel, eventually, inferBody, jsModel, startTestApp } from '../../src/testing/index.ts'
import { frameKinds } from '../../src/host/index.ts'
import { isRunning } from './hosts.ts'

/** Answers every call so far with a frame of a kind, over the link of its host. */
const answering = (kind: number, text: string): string => `
  const { writeSync } = await import('node:fs')
  const payload = Buffer.from(${JSON.stringify(text)})
  for (let id = 1; id < 20; id++) {
    const head = Buffer.alloc(12)
    head.writeUInt32LE(8 + payload.length, 0)
    head.writeUInt32LE(${kind}, 4)
    head.writeUInt32LE(id, 8)
    writeSync(3, Buffer.concat([head, payload]))
  }`

/** Its refusal has a payload that is no JSON. */
const forging = jsModel(`
  if (x.data[0] !== 1) return Array.from(x.data)
  ${answering(frameKinds.failed, '{{{')}
  return new Promise(() => {})`)

describe('a host that forges a frame', () => {
  it('fails the call it answers, and the model comes back', async () => {
    await using app = await startTestApp({
      models: { 'bad/1/model.mjs': forging, 'good/1/model.mjs': addModel(1) },
      flags: ['--serving.host.run-timeout-ms', '5s', '--serving.host.backoff-first-ms', '1ms'],
    })
    const response = await app.post('/v2/models/bad/infer', inferBody([1]))
    expect([response.status, await response.text()]).toEqual([502, expect.stringContaining('broke the frame protocol')])
    await eventually('the model answers again', async () =>
      (await app.post('/v2/models/bad/infer', inferBody([5]))).ok ? true : undefined,
    )
  })
})

/** Reports `report` in place of what its host would. */
const misreporting = (report: unknown): string => `
  ${answering(frameKinds.loaded, JSON.stringify(report))}
  setInterval(() => {}, 1000)
  await new Promise(() => {})`

const tensor = { name: 'x', datatype: 'FP32', shape: [-1, 1] }
const report = { signature: { inputs: [tensor], outputs: [tensor] }, metadata: {}, memoryBytes: 1, runtime: 'js' }

describe('a host that forges its report', () => {
  it('does not load when it makes no sense', async () => {
    const wrong = {
      nothing: null,
      empty: {},
      list: { ...report, signature: { ...report.signature, inputs: 5 } },
      datatype: { ...report, signature: { ...report.signature, inputs: [{ ...tensor, datatype: 'FP99' }] } },
      shape: { ...report, signature: { ...report.signature, outputs: [{ ...tensor, shape: [1e12, 'a'] }] } },
      negative: { ...report, memoryBytes: -1 },
      metadata: { ...report, metadata: { a: {} } },
      runtime: { ...report, runtime: {} },
    }
    const models = Object.entries(wrong).map(([name, value]) => [`${name}/1/model.mjs`, misreporting(value)])
    await using app = await startTestApp({ models: { ...Object.fromEntries(models), 'good/1/model.mjs': addModel(1) } })
    const answer = (await (await app.fetch('/api/slipway/v1/models')).json()) as { models: unknown }
    for (const name of Object.keys(wrong))
      expect(JSON.stringify(answer)).toMatch(new RegExp(`"name":"${name}"[^]*?it broke the frame protocol: not so`))
    expect((await app.post('/v2/models/good/infer', inferBody([1]))).status).toBe(200)
  })

  it('takes no memory from others by what it claims', async () => {
    const greedy = misreporting({ ...report, memoryBytes: 1e300 })
    await using app = await startTestApp({
      models: { 'a-greedy/1/model.mjs': greedy, 'good/1/model.mjs': addModel(1) },
      flags: ['--serving.load-parallelism', '1'],
    })
    const loaded = (await (await app.fetch('/v2/models')).json()) as unknown
    expect(JSON.stringify(loaded)).toContain('good')
  })
})

describe('a host that forges what it computed', () => {
  it('fails the call when shape and bytes contradict each other', async () => {
    const shape = [1e12, 1]
    const lying = jsModel(`
  if (x.data[0] !== 1) return Array.from(x.data)
  const { tensorFrame } = await import(${JSON.stringify(new URL('../../src/host/frame.ts', import.meta.url).href)})
  const { writeSync } = await import('node:fs')
  const tensors = [{ name: 'y', datatype: 'FP32', shape: ${JSON.stringify(shape)}, pieces: [new Uint8Array(8)] }]
  for (let id = 1; id < 20; id++) writeSync(3, tensorFrame(6, id, { number: 0, wanted: [], tensors })[0])
  return new Promise(() => {})`)
    await using app = await startTestApp({ models: { 'bad/1/model.mjs': lying } })
    const classified = { ...inferBody([1]), outputs: [{ name: 'y', parameters: { classification: 1 } }] }
    const response = await app.post('/v2/models/bad/infer', classified)
    expect([response.status, await response.text()]).toEqual([
      500,
      expect.stringContaining(
        "its output 'y' is none: shape [1000000000000,1] of FP32 takes 4000000000000 bytes, got 8",
      ),
    ])
    expect((await app.post('/v2/models/bad/infer', inferBody([1]))).status).toBe(500)
  })
})

describe('processes that a model starts', () => {
  it('end with its host', async () => {
    const spawning = jsModel(`
  if (x.data[0] !== 1) return Array.from(x.data)
  const { spawn } = await import('node:child_process')
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  process.stderr.write('started ' + child.pid + '\\n', () => process.exit(3))
  return new Promise(() => {})`)
    await using app = await startTestApp({ models: { 'bad/1/model.mjs': spawning } })
    const text = await (await app.post('/v2/models/bad/infer', inferBody([1]))).text()
    const pid = Number(/started (\d+)/.exec(text)?.[1])
    expect(pid, text).toBeGreaterThan(1)
    await eventually('it has ended', () => (isRunning(pid) ? undefined : true))
  })

  it('keep no descriptor of the server when they outlive it', async () => {
    const escaping = `${jsModel('return Array.from(x.data)')}
  import { spawn } from 'node:child_process'
  // Its parent never ends it: it leads a group of its own, and has the host's standard output.
  const child = spawn('sleep', ['30'], { detached: true, stdio: 'inherit' })
  process.stderr.write('started ' + child.pid + '\\n')
  child.unref()`
    await using app = await startTestApp({
      models: { 'bad/1/model.mjs': escaping },
      flags: ['--model-control', 'explicit'],
    })
    const descriptors = (): number => readdirSync('/proc/self/fd').length
    const turn = async (): Promise<void> => {
      for (const change of ['load', 'unload'])
        expect((await app.post(`/v2/repository/models/bad/${change}`)).status).toBe(200)
    }
    await turn()
    const before = descriptors()
    for (let count = 0; count < 5; count++) await turn()
    try {
      await eventually('they are closed', () => (descriptors() <= before + 2 ? true : undefined))
    } finally {
      for (const { event, fields } of app.log) {
        const pid = Number(/started (\d+)/.exec(String(fields['text']))?.[1])
        if (event === 'host.output' && isRunning(pid)) process.kill(pid, 'SIGKILL')
      }
    }
  })
})
