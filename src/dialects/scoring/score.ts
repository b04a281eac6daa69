import type { InferCall, InferReply, Predict } from '../../gateway/index.ts'
import { Cancellation } from '../../lib/index.ts'
import { requestIdField } from '../../protocol/index.ts'
import type { Exchange } from '../../protocol/index.ts'
import type { ModelManager, ServedVersion } from '../../serving/index.ts'
import { callerTimeout } from '../open-inference/index.ts'
import type { ScoringBody } from './decode-body.ts'
import type { ScoringTarget } from './frame-tensors.ts'
import type { ScoringTables } from './tables.ts'

export interface ScoreDeps {
  readonly models: ModelManager
  readonly predict: Predict
  readonly tables: ScoringTables
}

/** Which model a request is for. */
export interface ScoreTarget {
  readonly model: string
  readonly version: string | undefined
}

export interface Scored {
  readonly reply: InferReply
  /** The outputs as the JSON of `predictions`. */
  readonly predictions: string
}

/** Scores the table in the body of a request. */
export const score = async (
  deps: ScoreDeps,
  exchange: Exchange,
  { model, version }: ScoreTarget,
  form: ScoringBody['form'],
): Promise<Scored> => {
  const cancellation = new Cancellation()
  exchange.onAbort(() => cancellation.cancel())
  const body = await exchange.body()
  const call: InferCall = {
    model,
    version,
    id: '',
    requestId: exchange.header(requestIdField),
    inputs: [],
    outputs: [],
    priority: 0,
    queueTimeoutMs: 0,
    timeoutMs: callerTimeout(exchange.header('slipway-timeout-ms')),
    cancellation,
    protocol: 'http',
    route: exchange.route,
    traceparent: exchange.header('traceparent'),
    tracestate: exchange.header('tracestate'),
    receivedAtMs: exchange.receivedAtMs,
  }
  const caller = { owner: model, cancellation }
  const reply = await deps.predict(call, (served) =>
    deps.tables.decode({ body, form, target: scoringTarget(served) }, caller),
  )
  return { reply, predictions: await deps.tables.encode(reply, caller) }
}

/** What tables are laid out for, by the version that is to score them. */
export const scoringTarget = ({ facts }: ServedVersion): ScoringTarget => ({
  inputs: facts.signature.inputs,
  features: featureNames(facts.metadata['feature_names']),
  open: facts.signature.open === true,
  readsBodies: facts.signature.readsBodies === true,
  parametric: facts.signature.parameters !== undefined,
})

/** The names of the columns of a model's input, as a JSON list in its metadata. */
const featureNames = (json: string | undefined): readonly string[] | undefined => {
  if (json === undefined) return undefined
  try {
    const names: unknown = JSON.parse(json)
    return Array.isArray(names) && names.every((name) => typeof name === 'string') ? names : undefined
  } catch {
    // Why: it is whatever the exporter of the model wrote there.
    return undefined
  }
}
