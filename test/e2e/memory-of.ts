import type { TestApp } from '../../src/testing/index.ts'

/** What all hosts of a server take, and what they may, by its metrics. */
export const memoryOf = async (app: TestApp): Promise<{ readonly usedBytes: number; readonly budgetBytes: number }> => {
  const metrics = await (await app.fetch('/metrics')).text()
  const valueOf = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1])
  return { usedBytes: valueOf('slipway_memory_used_bytes'), budgetBytes: valueOf('slipway_memory_budget_bytes') }
}
