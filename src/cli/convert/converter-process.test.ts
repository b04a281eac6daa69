import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runConverter } from './converter-process.ts'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-converter-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const job = {
  source: 'm',
  flavor: 'sklearn',
  facts: {},
  signature: null,
  example: null,
  sample: null,
  label: null,
  inputs: null,
  rows: 1,
  seed: 1,
  tolerance: 0,
  agreement: 1,
  opset: null,
  quantize: null,
  limits: { memoryBytes: 1, fileBytes: 1 },
}

/** A program in the place of Python; it is run in the child's folder. */
const runWith = (script: string, timeoutMs = 60_000): ReturnType<typeof runConverter> => {
  rmSync(join(folder, 'result.json'), { force: true })
  const python = join(folder, 'python')
  writeFileSync(python, `#!/bin/sh\n${script}\n`)
  chmodSync(python, 0o755)
  const environment = { PATH: process.env['PATH'], SLIPWAY_KEY: 'secret', HOME: '/home/somebody', AWS_SECRET: 'x' }
  return runConverter(job, { python, folder, environment, timeoutMs })
}

describe('the process that converts', () => {
  it('answers by a file, and is given a job with its limits', async () => {
    const { converted, model } = await runWith(`echo '{"estimator": "Ridge"}' > result.json`)
    expect(converted).toEqual({ estimator: 'Ridge' })
    expect(model).toBe(join(folder, 'model.onnx'))
    expect(JSON.parse(readFileSync(join(folder, 'job.json'), 'utf8'))).toMatchObject({
      flavor: 'sklearn',
      limits: { memoryBytes: 1 },
      result: join(folder, 'result.json'),
    })
  })

  it("has its own folder as home, and none of the user's secrets", async () => {
    await runWith(`env > env.txt; pwd > pwd.txt; echo '{}' > result.json`)
    const environment = readFileSync(join(folder, 'env.txt'), 'utf8')
    expect(environment).not.toMatch(/SLIPWAY_KEY|AWS_SECRET|secret|somebody/)
    expect(environment).toContain(`HOME=${folder}\n`)
    expect(readFileSync(join(folder, 'pwd.txt'), 'utf8').trim()).toBe(folder)
  })

  it('ends with what it started when its time is up', async () => {
    await expect(runWith('(while :; do :; done) & echo $! > inner.pid; wait', 1000)).rejects.toThrow(
      'it took longer than 1 s; --timeout gives it more',
    )
    const inner = Number(readFileSync(join(folder, 'inner.pid'), 'utf8'))
    await expect.poll(() => isRunning(inner)).toBe(false)
  })

  it('is answered though its code left a program behind that keeps the streams open', async () => {
    const script = `setsid sh -c 'echo $$ > left.pid; exec sleep 600' & while [ ! -s left.pid ]; do :; done`
    const { converted } = await runWith(`${script}; echo '{"estimator": "Ridge"}' > result.json`)
    process.kill(Number(readFileSync(join(folder, 'left.pid'), 'utf8')), 'SIGKILL')
    expect(converted).toEqual({ estimator: 'Ridge' })
  })

  it.each([
    [
      'echo "Segmentation fault" >&2; exit 139',
      'ended without a result: it exited with code 139; it said last: Segmentation',
    ],
    ['kill -9 $$', 'ended without a result: it ended by SIGKILL'],
    [`echo '{"error": {"code": "not_equal", "message": "they differ"}}' > result.json`, 'they differ'],
    ['head -c 17000000 /dev/zero > result.json', 'ended without a result'],
  ])('is refused when it fails: %s', async (script, reason) => {
    await expect(runWith(script)).rejects.toThrow(reason)
  })

  it('is refused when there is no such interpreter', async () => {
    const options = { python: '/nowhere/python', folder, environment: {}, timeoutMs: 1000 }
    await expect(runConverter(job, options)).rejects.toThrow("'/nowhere/python' can't be run")
  })
})

/** A process that was killed may still be listed until its parent has asked. */
/** One that has ended, and that nobody has buried yet, isn't. */
const isRunning = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
