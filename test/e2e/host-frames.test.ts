import { describe, expect, it } from 'vitest'
import { addModel, eventually, inferBody, jsModel, startTestApp } from '../../src/testing/index.ts'

/** Answers every call so far with a refusal whose payload is no JSON, over the link of its host. */
const forging = jsModel(`
  if (x.data[0] !== 1) return Array.from(x.data)
  const { writeSync } = await import('node:fs')
  const payload = Buffer.from('{{{')
  for (let id = 1; id < 20; id++) {
    const head = Buffer.alloc(12)
    head.writeUInt32LE(8 + payload.length, 0)
    head.writeUInt32LE(4, 4)
    head.writeUInt32LE(id, 8)
    writeSync(3, Buffer.concat([head, payload]))
  }
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
    await eventually('it has ended', () => {
      try {
        process.kill(pid, 0)
        return undefined
      } catch {
        return true
      }
    })
  })
})
