import { AppError, fail } from '../protocol/index.ts'
import { admit, deadlineOf } from './admit.ts'
import type { AdmitLimits } from './admit.ts'
import type { InferCall, InferReply } from './infer-call.ts'
import type { Clock } from '../lib/index.ts'
import { requireValues } from '../serving/index.ts'
import type { ModelManager, ServedVersion } from '../serving/index.ts'

/** Told of every prediction once, as it ends. */
export interface PredictionRecorder {
  answered(call: InferCall, reply: InferReply, elapsedMs: number): void
  failed(call: InferCall, version: string, error: AppError, elapsedMs: number): void
}

export interface PredictDeps {
  readonly models: ModelManager
  readonly clock: Clock
  readonly limits: AdmitLimits
  readonly recorder: PredictionRecorder
  newRequestId(): string
  /** Set once shutdown has begun to refuse work. */
  draining(): boolean
}

/** What a request holds, as tensors for the version that is to answer it. */
export type LayOut = (served: ServedVersion) => Promise<Pick<InferCall, 'inputs' | 'nulls' | 'parameters' | 'document'>>

/** `layOut` gives the inputs of a call whose body says what it means only with the version at hand. */
export type Predict = (call: InferCall, layOut?: LayOut) => Promise<InferReply>

/** The one way to a prediction: every protocol, batch job and graph comes through here. */
export const openPredict =
  (deps: PredictDeps): Predict =>
  async (given, layOut) => {
    let call = given
    let version = call.version ?? ''
    try {
      let served = deps.models.get(call.model, call.version) ?? (await assign(deps, call))
      version = String(served.version)
      if (layOut !== undefined) {
        call = { ...given, ...(await layOut(served)) }
        if (!isServing(deps, served)) {
          served = deps.models.get(call.model, call.version) ?? (await assign(deps, call))
          version = String(served.version)
          call = { ...given, ...(await layOut(served)) }
        }
      }
      const task = admit(call, served, deps.limits, deps.clock.now())
      const answer = await served.infer(task)
      // Only who lays out the inputs writes the answer as the model laid it out.
      if (layOut === undefined) requireValues(call.model, answer.predictions)
      const reply = { model: call.model, version, id: call.id, ...answer }
      deps.recorder.answered(call, reply, deps.clock.now() - call.receivedAtMs)
      return reply
    } catch (error) {
      const known = error instanceof AppError ? error : fail('internal', { requestId: requestIdOf(deps, call) }, error)
      deps.recorder.failed(call, version, known, deps.clock.now() - call.receivedAtMs)
      throw known
    }
  }

/** As the client calls it, or a new one. */
const requestIdOf = (deps: PredictDeps, { id, requestId }: InferCall): string => id || requestId || deps.newRequestId()

/** Another version may have taken its place meanwhile, or its model may have been unloaded. */
const isServing = ({ models }: PredictDeps, served: ServedVersion): boolean =>
  models.get(served.model, String(served.version)) === served

/** The slow way to a version: it isn't in memory, or can't serve. */
const assign = async (deps: PredictDeps, call: InferCall): Promise<ServedVersion> => {
  if (deps.draining()) throw fail('shutting_down', {})
  const { cancellation } = call
  return deps.models.require(call.model, call.version, { deadlineMs: deadlineOf(call, deps.limits), cancellation })
}
