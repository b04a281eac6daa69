import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Semaphore } from './semaphore.ts'

describe('a semaphore', () => {
  it('never lets more tasks run than it has permits, and lets all of them run, in order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.nat(3), { maxLength: 12 }),
        async (permits, turns) => {
          const semaphore = new Semaphore(permits)
          const started: number[] = []
          let running = 0
          let most = 0
          await Promise.all(
            turns.map((count, index) =>
              semaphore.run(async () => {
                started.push(index)
                running += 1
                most = Math.max(most, running)
                for (let i = 0; i <= count; i++) await Promise.resolve()
                running -= 1
              }),
            ),
          )
          expect(started).toEqual(turns.map((_, index) => index))
          expect(most).toBe(Math.min(permits, turns.length))
        },
      ),
    )
  })

  it('gives the permit on after a task that fails', async () => {
    const semaphore = new Semaphore(1)
    const gate = Promise.withResolvers<void>()
    const failing = semaphore.run(async () => {
      await gate.promise
      throw new Error('broken')
    })
    const next = semaphore.run(() => Promise.resolve('ran'))
    gate.resolve()
    await expect(failing).rejects.toThrow('broken')
    await expect(next).resolves.toBe('ran')
    await expect(semaphore.run(() => Promise.resolve(1))).resolves.toBe(1)
  })
})
