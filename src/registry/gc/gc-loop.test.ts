import { describe, expect, it } from 'vitest'
import { systemClock } from '../../lib/index.ts'
import { openTestRegistry } from '../../testing/open-test-registry.ts'
import type { TestRegistry } from '../../testing/open-test-registry.ts'
import { GcLoop } from './gc-loop.ts'

const open = (): Promise<TestRegistry> => openTestRegistry(undefined, { wallMs: systemClock.wallMs() + 60_000 })

const deletedRun = async ({ registry: { runs } }: TestRegistry): Promise<string> => {
  const { info } = await runs.create({ experimentId: '0', name: '', userId: '', startTime: 1, tags: [] })
  await runs.delete(info.runId)
  return info.runId
}

const loopOf = (test: TestRegistry, everyMs: number, failed: (error: unknown) => void): GcLoop =>
  new GcLoop({ everyMs, olderThanMs: 0 }, { collector: test.registry.garbage, clock: test.clock, failed })

describe('the loop of garbage collection', () => {
  it('works at its times, until it is stopped', async () => {
    await using test = await open()
    const unexpected = (error: unknown): never => {
      throw error
    }
    const loop = loopOf(test, 1000, unexpected)
    loop.start()
    const runId = await deletedRun(test)
    await test.clock.advance(999)
    expect(await test.registry.runs.get(runId)).toBeDefined()
    await test.clock.advance(1)
    // It waits for what is being worked on.
    await loop.stop()
    expect(await test.registry.runs.get(runId)).toBeUndefined()
    expect(test.clock.timerCount).toBe(0)
  })

  it('never works when its time is 0', async () => {
    await using test = await open()
    loopOf(test, 0, () => {}).start()
    expect(test.clock.timerCount).toBe(0)
  })

  it('tells what went wrong, and goes on the next time', async () => {
    await using test = await open()
    const failures: unknown[] = []
    const list = test.blobs.list.bind(test.blobs)
    test.blobs.list = () => {
      throw new Error('no such folder')
    }
    const told = Promise.withResolvers<void>()
    const loop = loopOf(test, 1000, (error) => {
      failures.push(error)
      told.resolve()
    })
    loop.start()
    await test.clock.advance(1000)
    await told.promise
    expect(failures).toMatchObject([{ message: 'no such folder' }])
    test.blobs.list = list
    const runId = await deletedRun(test)
    await test.clock.advance(1000)
    await loop.stop()
    expect(await test.registry.runs.get(runId)).toBeUndefined()
    expect(failures).toHaveLength(1)
  })
})
