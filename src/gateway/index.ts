export type { AdmitLimits } from './admit.ts'
export type { InferCall, InferReply, Parameters, ParameterValue } from './infer-call.ts'
export type { Predict, PredictDeps, PredictionRecorder } from './predict.ts'
export { openPredict } from './predict.ts'
