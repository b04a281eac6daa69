import { describe, expect, it } from 'vitest'
import { Cancellation } from '../lib/index.ts'
import { AppError } from '../protocol/index.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { LoadWaits } from './model-entry.ts'

const outcome = (wait: Promise<void>): Promise<string> =>
  wait.then(
    () => 'loaded',
    (error: unknown) => (error instanceof AppError ? error.code : (error as Error).message),
  )

const open = (depthMax = 10) => {
  const clock = new VirtualClock()
  const waits = new LoadWaits('m')
  const loads: PromiseWithResolvers<void>[] = []
  const load = (): Promise<void> => {
    const next = Promise.withResolvers<void>()
    loads.push(next)
    return next.promise
  }
  const wait = (deadlineMs = Infinity, cancellation = new Cancellation()): Promise<string> =>
    outcome(waits.wait(load, { deadlineMs, cancellation }, { clock, depthMax }))
  return { clock, loads, wait }
}

describe('requests that wait for the load of their model', () => {
  it('share one load, and its failure', async () => {
    const { loads, wait } = open()
    const first = [wait(), wait(), wait()]
    expect(loads.length).toBe(1)
    loads[0]?.resolve()
    expect(await Promise.all(first)).toEqual(['loaded', 'loaded', 'loaded'])
    const second = [wait(), wait()]
    expect(loads.length).toBe(2)
    loads[1]?.reject(new Error('broken'))
    expect(await Promise.all(second)).toEqual(['broken', 'broken'])
  })

  it('are as many as the queue may hold; a place is free again when one leaves', async () => {
    const { loads, wait } = open(2)
    const leaving = new Cancellation()
    const [stays, left] = [wait(), wait(Infinity, leaving)]
    expect(await wait()).toBe('queue_full')
    leaving.cancel()
    expect(await left).toBe('cancelled')
    const next = wait()
    expect(await wait()).toBe('queue_full')
    loads[0]?.resolve()
    expect(await Promise.all([stays, next])).toEqual(['loaded', 'loaded'])
    expect(loads.length).toBe(1)
  })

  it('leave at their deadline, while the load goes on for the others', async () => {
    const { clock, loads, wait } = open()
    const [late, patient] = [wait(50), wait(5000)]
    await clock.advance(50)
    expect(await late).toBe('deadline_exceeded')
    loads[0]?.resolve()
    expect(await patient).toBe('loaded')
    expect(loads.length).toBe(1)
  })

  it('that nobody wants any more still count as that load', async () => {
    const { loads, wait } = open()
    const gone = new Cancellation()
    gone.cancel()
    expect(await wait(Infinity, gone)).toBe('cancelled')
    const other = wait()
    expect(loads.length).toBe(1)
    loads[0]?.resolve()
    expect(await other).toBe('loaded')
  })
})
