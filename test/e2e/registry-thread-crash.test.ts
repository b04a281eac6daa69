import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addModel, eventually, inferBody, seededRandom, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { gatedModel, gatePoints, Gates } from './gated-models.ts'
import { hosts, isRunning } from './hosts.ts'
import { expectOk, moveAlias, putEndpoint, registerVersion } from './registered-version.ts'
import { describeWithPython, pythonFlags } from './test-python.ts'

/** Generous, since the machine may be busy with other work. */
const soon = { timeout: 20_000 }

/** Threads of the registry in the order in which they were started: the only ones whose young generation has this size. */
const threads: Worker[] = []
const note = (thread: Worker): void => {
  if (thread.resourceLimits?.maxYoungGenerationSizeMb === 16) threads.push(thread)
}
beforeAll(() => void process.on('worker', note))
afterAll(() => void process.off('worker', note))

/** Ends the registry's thread as a crash in it would. */
const endThread = async (): Promise<void> => {
  await threads.at(-1)?.terminate()
}

const slow = (amount: number, ms: number): Record<string, string> => ({
  'model.mjs': `await new Promise((resolve) => setTimeout(resolve, ${ms}))\n${addModel(amount)}`,
})

const aliased = async (app: TestApp): Promise<string | undefined> => {
  const response = await app.fetch('/api/2.0/mlflow/registered-models/alias?name=fraud&alias=champion')
  if (!response.ok) return undefined
  return ((await response.json()) as { model_version: { version: string } }).model_version.version
}

const answers = async (app: TestApp): Promise<string> => {
  const { model_version: version, outputs } = await expectOk(await app.post('/v2/models/fraud/infer', inferBody([10])))
  expect((outputs as { data: number[] }[])[0]?.data[0]).toBe(10 + Number(version))
  return String(version)
}

const startFraud = async (ms: number): Promise<TestApp> => {
  threads.length = 0
  const app = await startTestApp()
  await registerVersion(app, 'fraud', { 'model.mjs': addModel(1) })
  await registerVersion(app, 'fraud', slow(2, ms))
  await expectOk(await moveAlias(app, 'fraud', 'champion', 1))
  await expectOk(await putEndpoint(app, 'fraud', { reference: 'models:/fraud@champion' }))
  return app
}

const isBack = (app: TestApp): Promise<string> => eventually('the registry answers', () => aliased(app))

describe('the end of the registry’s thread', () => {
  it('makes a move that it falls into fail or be whole; what serves answers every request meanwhile', async () => {
    const random = seededRandom(11)
    await using app = await startFraud(150)
    let isDone = false
    const caller = async (): Promise<number> => {
      let count = 0
      for (; !isDone; count++) await answers(app)
      return count
    }
    const callers = [caller(), caller()]
    let cut = 0
    for (let round = 0; round < 5; round++) {
      const before = await isBack(app)
      const to = before === '1' ? 2 : 1
      const move = moveAlias(app, 'fraud', 'champion', to)
      const endAt = performance.now() + random.next() * 350
      await eventually('it is time', () => (performance.now() >= endAt ? true : undefined))
      await endThread()
      const reply = await move
      const text = await reply.text()
      if (!reply.ok) {
        cut += 1
        expect([reply.status, text]).toEqual([503, expect.stringContaining('the registry is being restarted')])
      }
      const now = await isBack(app)
      expect([before, String(to)]).toContain(now)
      if (reply.ok) expect(now).toBe(String(to))
      await expect.poll(() => answers(app), soon).toBe(now)
    }
    isDone = true
    expect((await Promise.all(callers)).every((count) => count > 0)).toBe(true)
    expect(cut).toBeGreaterThan(0)
    for (const version of [1, 2]) {
      await expectOk(await moveAlias(app, 'fraud', 'champion', version))
      expect(await answers(app)).toBe(String(version))
    }
  })

  it.runIf(existsSync('/proc/self/task'))(
    'calls off what is being loaded for it, so that another move can be made at once',
    async () => {
      await using app = await startFraud(600_000)
      const before = hosts().length
      const move = moveAlias(app, 'fraud', 'champion', 2)
      await eventually('the candidate has a host', () => (hosts().length > before ? true : undefined))
      await endThread()
      expect((await move).status).toBe(503)
      await isBack(app)
      await expect.poll(() => hosts().length, soon).toBe(before)
      const third = await registerVersion(app, 'fraud', { 'model.mjs': addModel(3) })
      await expectOk(await moveAlias(app, 'fraud', 'champion', third))
      expect(await answers(app)).toBe('3')
    },
  )

  it('does not keep a server from stopping, not even while it is being started again', async () => {
    for (const isStarting of [false, true]) {
      const app = await startFraud(0)
      await endThread()
      if (isStarting) await eventually('it is started again', () => (threads.length > 1 ? true : undefined))
      await app.stop()
      // A thread that has ended has no number any more.
      expect(threads.map(({ threadId }) => threadId).filter((id) => id !== -1)).toEqual([])
    }
  })
})

describeWithPython('the end of the registry’s thread in a move to a Python model', () => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-thread-crash-'))
  afterAll(() => rmSync(root, { recursive: true, force: true }))

  it.runIf(existsSync('/proc/self/task')).each(gatePoints)(
    'calls the move off while the candidate is at its %s; the incumbent answers',
    async (point) => {
      threads.length = 0
      await using app = await startTestApp({ flags: pythonFlags })
      const gates = new Gates(join(root, point))
      for (const version of [1, 2]) await registerVersion(app, 'fraud', gatedModel(gates.folder, version))
      await expectOk(await moveAlias(app, 'fraud', 'champion', 1))
      await expectOk(await putEndpoint(app, 'fraud', { reference: 'models:/fraud@champion' }))
      gates.close(2, point)
      const move = moveAlias(app, 'fraud', 'champion', 2)
      const candidate = await gates.reached(2, point)
      await endThread()
      expect((await move).status).toBe(503)
      expect(await answers(app)).toBe('1')
      await eventually('the candidate has no host', () => (isRunning(candidate) ? undefined : true))
      gates.remove(2, point)
      expect(await isBack(app)).toBe('1')
      await expectOk(await moveAlias(app, 'fraud', 'champion', 2))
      expect(await answers(app)).toBe('2')
    },
  )
})
