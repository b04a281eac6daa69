import { readdirSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Clock } from '../../lib/index.ts'
import type { ServerMetrics } from './metric-table.ts'
import type { MetricsRegistry } from './registry.ts'

/** How often the main thread is looked at. */
const lookMs = 10

/** What the platform measures is the time from one look to the next, not by how much that is late. */
const lateMs = (lookNs: number): number => Math.max(0, lookNs / 1e6 - lookMs)

/** Fills the metrics of the process at every scrape. */
export const collectProcess = (registry: MetricsRegistry<ServerMetrics>, clock: Clock): void => {
  const delay = monitorEventLoopDelay({ resolution: lookMs })
  delay.enable()
  registry.series('process_start_time_seconds').set(Math.round(clock.wallMs() / 1000 - process.uptime()))
  registry.onCollect(() => {
    const { user, system } = process.cpuUsage()
    registry.series('process_resident_memory_bytes').set(process.memoryUsage.rss())
    registry.series('process_cpu_seconds_total').set((user + system) / 1e6)
    registry.series('slipway_event_loop_lag_seconds').set(delay.count === 0 ? 0 : lateMs(delay.percentile(99)) / 1000)
    registry.series('slipway_metrics_dropped_series_total').set(registry.droppedSeries)
    delay.reset()
    const descriptors = openDescriptors()
    if (descriptors !== undefined) registry.series('process_open_fds').set(descriptors)
  })
}

const openDescriptors = (): number | undefined => {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return undefined
  }
}
