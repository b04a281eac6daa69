import { apiRoot, AppError } from '../../protocol/index.ts'
import type { Exchange, Reply, Route } from '../../protocol/index.ts'
import { bodyForm } from './content-type.ts'
import { defaultModel } from './default-model.ts'
import type { ScoreDeps, ScoreTarget } from './score.ts'
import { score } from './score.ts'
import { scoringError } from './scoring-error.ts'

export interface ScoringDeps extends ScoreDeps {
  /** Answers paths that name no model; empty for the only one there is. */
  readonly defaultModel: string
  ready(): boolean
}

/** The scoring servers of MLflow and SageMaker, and the `/predict` of servers written by hand. */
export const scoringRoutes = (deps: ScoringDeps): Route[] => {
  const unnamed = (): ScoreTarget => ({ model: defaultModel(deps.models, deps.defaultModel), version: undefined })
  const named = ({ params }: Exchange): ScoreTarget => ({ model: params['model'] ?? '', version: params['version'] })
  return [
    {
      method: 'GET',
      path: '/ping',
      needs: 'server.read',
      doc: 'MLflow and SageMaker: 200 when the server takes requests for its model, 503 when not, 404 when it has none.',
      handle: () => ping(deps),
    },
    {
      method: 'POST',
      path: '/invocations',
      needs: 'model.infer',
      doc: 'MLflow and SageMaker: scores a table in JSON or CSV by the default model, or the only one.',
      handle: (exchange) => invocations(deps, exchange, unnamed),
    },
    {
      method: 'POST',
      path: '/predict',
      needs: 'model.infer',
      doc: 'Scores `{"data": [...]}`, rows as lists or objects, by the default model, or the only one.',
      handle: (exchange) => predictRows(deps, exchange, unnamed),
    },
    ...[`${apiRoot}/models/{model}`, `${apiRoot}/models/{model}/versions/{version}`].flatMap((path): Route[] => [
      {
        method: 'POST',
        path: `${path}/invocations`,
        needs: 'model.infer',
        doc: 'As `/invocations`, by the model named.',
        handle: (exchange) => invocations(deps, exchange, named),
      },
      {
        method: 'POST',
        path: `${path}/predict`,
        needs: 'model.infer',
        doc: 'As `/predict`, by the model named.',
        handle: (exchange) => predictRows(deps, exchange, named),
      },
    ]),
  ]
}

const ping = (deps: ScoringDeps): Reply => {
  const status = deps.ready() ? healthOf(deps) : 503
  return { status, contentType: 'application/json', body: '\n' }
}

/** Whether the model that `/invocations` would ask answers; among several, requests name theirs. */
const healthOf = ({ models, defaultModel: chosen }: ScoringDeps): 200 | 404 | 503 => {
  const [only, other] = chosen === '' ? models.names() : [chosen]
  // Why: what MLflow's own scoring server answers without a model; SageMaker takes anything but 200 for unhealthy.
  if (only === undefined) return 404
  if (other !== undefined) return 200
  return models.statusOf(only)?.onDemand === true || models.get(only, undefined) !== undefined ? 200 : 503
}

type Targeting = (exchange: Exchange) => ScoreTarget

const invocations = async (deps: ScoringDeps, exchange: Exchange, target: Targeting): Promise<Reply> => {
  const type = bodyForm(exchange.header('content-type') ?? '')
  if ('refusal' in type) {
    const headers = { 'slipway-error': 'unsupported_media_type' }
    return { status: 415, contentType: 'text/plain; charset=utf-8', headers, body: type.refusal }
  }
  try {
    const { predictions } = await score(deps, exchange, target(exchange), type.form)
    return json(`{"predictions":${predictions}}`)
  } catch (error) {
    if (error instanceof AppError) return scoringError(error)
    throw error
  }
}

/** Errors of this path have the shape that the server's own have. */
const predictRows = async (deps: ScoringDeps, exchange: Exchange, target: Targeting): Promise<Reply> => {
  const { reply, predictions } = await score(deps, exchange, target(exchange), 'rows')
  return json(
    `{"predictions":${predictions},"model":${JSON.stringify(reply.model)},"version":${JSON.stringify(reply.version)}}`,
  )
}

const json = (body: string): Reply => ({ status: 200, contentType: 'application/json', body })
