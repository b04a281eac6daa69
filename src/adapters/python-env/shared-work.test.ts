import { describe, expect, it } from 'vitest'
import { SharedWork } from './shared-work.ts'
import type { Joiner } from './shared-work.ts'

const joiner = (): { progress: (text: string) => void; signal: AbortSignal; told: string[]; leave(): void } => {
  const told: string[] = []
  const controller = new AbortController()
  return {
    told,
    progress: (text) => void told.push(text),
    signal: controller.signal,
    leave: () => controller.abort(new Error('left')),
  }
}

/** Work that ends when it is told to. */
const steered = () => {
  const done = Promise.withResolvers<string>()
  const started: Joiner[] = []
  const start = (shared: Joiner): Promise<string> => {
    started.push(shared)
    return done.promise
  }
  return { start, started, done }
}

describe('shared work', () => {
  it('is done once for all who ask, and all are told of its progress', async () => {
    const works = new SharedWork<string>()
    const { start, started, done } = steered()
    const [first, second] = [joiner(), joiner()]
    const results = [works.join('a', first, start)]
    await expect.poll(() => started.length).toBe(1)
    started[0]?.progress('half')
    results.push(works.join('a', second, start))
    done.resolve('ready')
    expect(await Promise.all(results)).toEqual(['ready', 'ready'])
    expect([first.told, second.told]).toEqual([['half'], ['half']])
    expect(started).toHaveLength(1)
  })

  it('goes on while somebody waits, and is called off when the last has left', async () => {
    const works = new SharedWork<string>()
    const { start, started, done } = steered()
    const [first, second] = [joiner(), joiner()]
    const results = [works.join('a', first, start), works.join('a', second, start)]
    await expect.poll(() => started.length).toBe(1)
    first.leave()
    await expect(results[0]).rejects.toThrow('left')
    expect(started[0]?.signal.aborted).toBe(false)
    second.leave()
    expect(started[0]?.signal.aborted).toBe(true)
    done.reject(new Error('called off'))
    await expect(results[1]).rejects.toThrow('left')
    expect(() => works.join('a', second, start)).toThrow('left')
  })

  it('that failed is begun anew by who comes next', async () => {
    const works = new SharedWork<string>()
    await expect(works.join('a', joiner(), () => Promise.reject(new Error('no disk')))).rejects.toThrow('no disk')
    expect(await works.join('a', joiner(), async () => 'ready')).toBe('ready')
  })
})
