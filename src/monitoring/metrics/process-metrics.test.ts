import { expect, it } from 'vitest'
import { systemClock } from '../../lib/index.ts'
import { eventually } from '../../testing/index.ts'
import { metricTable } from './metric-table.ts'
import { collectProcess } from './process-metrics.ts'
import { MetricsRegistry } from './registry.ts'

it('an idle thread is hardly late, one that computes is as late as that takes', async () => {
  const registry = new MetricsRegistry(metricTable)
  collectProcess(registry, systemClock)
  const lagSeconds = (): number =>
    Number(/^slipway_event_loop_lag_seconds (\S+)$/m.exec(registry.render(undefined).text)?.[1])
  const ticks = (count: number): Promise<void> =>
    new Promise((resolve) => {
      const next = (left: number): void => {
        if (left === 0) resolve()
        else systemClock.setTimer(() => next(left - 1), 15)
      }
      next(count)
    })
  await eventually('an idle moment', async () => {
    lagSeconds()
    await ticks(10)
    return lagSeconds() < 0.008 ? true : undefined
  })
  await ticks(2)
  const until = systemClock.now() + 100
  while (systemClock.now() < until);
  await ticks(2)
  expect(lagSeconds()).toBeGreaterThan(0.05)
})
