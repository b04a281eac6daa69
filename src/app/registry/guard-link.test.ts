import { describe, expect, it } from 'vitest'
import type { PreparedMoves } from '../../registry/index.ts'
import { GuardDesk } from './guard-link.ts'

/** A desk whose one prepare is resolved by the test, and what was settled. */
const openDesk = () => {
  const settled: boolean[] = []
  const asked = Promise.withResolvers<PreparedMoves>()
  const answers: number[] = []
  const desk = new GuardDesk(
    { prepare: () => asked.promise, changed: () => Promise.resolve() },
    ({ ask }) => void answers.push(ask),
  )
  const prepared: PreparedMoves = {
    checked: [],
    settle: (isCommitted) => Promise.resolve(void settled.push(isCommitted)),
  }
  return { desk, settled, answers, load: () => asked.resolve(prepared) }
}

describe('the desk of a thread that has ended', () => {
  it('gives up what was prepared', async () => {
    const { desk, settled, answers, load } = openDesk()
    desk.receive({ ask: 1, kind: 'prepare', moves: [] })
    load()
    await expect.poll(() => answers).toEqual([1])
    desk.close()
    expect(settled).toEqual([false])
  })

  it('gives up what is prepared only after its end', async () => {
    const { desk, settled, load } = openDesk()
    desk.receive({ ask: 1, kind: 'prepare', moves: [] })
    desk.close()
    load()
    await expect.poll(() => settled).toEqual([false])
  })
})
