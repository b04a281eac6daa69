import type { TestApp } from '../../src/testing/index.ts'

/** What all hosts of a server take, and what they may, by its metrics. */
export const memoryOf = async (app: TestApp): Promise<{ readonly usedBytes: number; readonly budgetBytes: number }> => {
  const metrics = await (await app.fetch('/metrics')).text()
  const valueOf = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1])
  return { usedBytes: valueOf('slipway_memory_used_bytes'), budgetBytes: valueOf('slipway_memory_budget_bytes') }
}

/** Looks at the memory until the work is done; answers the most that was seen, bytes. */
export const mostUsed = async (app: TestApp, work: () => Promise<void>): Promise<number> => {
  let most = 0
  let isDone = false
  const watching = (async () => {
    while (!isDone) most = Math.max(most, (await memoryOf(app)).usedBytes)
  })()
  await work().finally(() => (isDone = true))
  await watching
  return Math.max(most, (await memoryOf(app)).usedBytes)
}
