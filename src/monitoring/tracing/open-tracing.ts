import type { OtlpOptions } from './otlp-tracing.ts'
import type { Tracing } from './tracing.ts'
import { noTracing } from './tracing.ts'

/** Opens tracing; without an endpoint nothing is loaded and nothing is recorded. */
export const openTracing = async (options: OtlpOptions): Promise<Tracing> =>
  options.endpoint === '' ? noTracing : (await import('./otlp-tracing.ts')).openOtlpTracing(options)
