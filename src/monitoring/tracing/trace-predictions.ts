import { predictionAttributes, predictionPhases } from './prediction-spans.ts'
import { readSpanContext } from './span-context.ts'
import type { TracedPrediction, Tracing } from './tracing.ts'
import type { Tracer } from './tracer.ts'

/** Records predictions as spans: one for the request, with children for its time in the queue and its run. */
export const tracePredictions = (tracer: Tracer): Tracing => ({
  record: (prediction) => recordPrediction(tracer, prediction),
  close: () => tracer.close(),
})

const recordPrediction = (tracer: Tracer, prediction: TracedPrediction): void => {
  const parent = readSpanContext({ traceparent: prediction.traceparent, tracestate: undefined })
  const { model, startedAtMs, endedAtMs, error } = prediction
  const span = tracer.startSpan({ name: `infer ${model}`, kind: 'server', parent, startMs: startedAtMs })
  if (!span.recording) return
  span.setAttributes(predictionAttributes(prediction))
  for (const { name, startMs, endMs } of predictionPhases(prediction)) {
    tracer.startSpan({ name, kind: 'internal', parent: span.context, startMs }).end(endMs)
  }
  if (error !== undefined) span.fail(error)
  span.end(endedAtMs)
}
