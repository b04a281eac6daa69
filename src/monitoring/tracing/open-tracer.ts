import type { OtlpExporterDeps, OtlpExporterOptions } from './otlp-exporter.ts'
import { OtlpExporter } from './otlp-exporter.ts'
import { RecordingTracer } from './recording-tracer.ts'
import type { Tracer } from './tracer.ts'
import { noTracer } from './tracer.ts'

/** Opens a tracer that sends to an OpenTelemetry collector; without an endpoint one that does nothing. */
export const openTracer = (
  options: OtlpExporterOptions & { readonly sampleRatio: number },
  deps: OtlpExporterDeps,
): Tracer => {
  if (options.endpoint === '') return noTracer
  const { clock, random } = deps
  const exporter = new OtlpExporter(options, deps)
  return new RecordingTracer({ clock, random, exporter, sampleRatio: options.sampleRatio })
}
