import { readdirSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Clock } from '../../lib/index.ts'
import type { ServerMetrics } from './metric-table.ts'
import type { MetricsRegistry } from './registry.ts'

/** Fills the metrics of the process at every scrape. */
export const collectProcess = (registry: MetricsRegistry<ServerMetrics>, clock: Clock): void => {
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  registry.series('process_start_time_seconds').set(Math.round(clock.wallMs() / 1000 - process.uptime()))
  registry.onCollect(() => {
    const { user, system } = process.cpuUsage()
    registry.series('process_resident_memory_bytes').set(process.memoryUsage.rss())
    registry.series('process_cpu_seconds_total').set((user + system) / 1e6)
    registry.series('slipway_event_loop_lag_seconds').set(delay.count === 0 ? 0 : delay.percentile(99) / 1e9)
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
