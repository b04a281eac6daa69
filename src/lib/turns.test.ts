import { describe, expect, it } from 'vitest'
import { Turns } from './turns.ts'

describe('turns', () => {
  it('of one key follow one another, also after a failure, while another key does not wait', async () => {
    const turns = new Turns()
    const gate = Promise.withResolvers<void>()
    const order: string[] = []
    const work =
      (name: string, until: Promise<void> = Promise.resolve()) =>
      async (): Promise<string> => {
        order.push(`${name} begins`)
        await until
        order.push(`${name} ends`)
        if (name === 'a1') throw new Error('a1 fails')
        return name
      }
    const all = [turns.run('a', work('a1', gate.promise)), turns.run('a', work('a2')), turns.run('a', work('a3'))]
    expect(await turns.run('b', work('b'))).toBe('b')
    expect(order).toEqual(['a1 begins', 'b begins', 'b ends'])
    gate.resolve()
    const outcomes = await Promise.allSettled(all)
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['rejected', 'fulfilled', 'fulfilled'])
    expect(order.slice(3)).toEqual(['a1 ends', 'a2 begins', 'a2 ends', 'a3 begins', 'a3 ends'])
    expect(turns.size).toBe(0)
  })
})
