import type { Actor, Registry } from '../../registry/index.ts'
import { SearchError } from '../../registry/index.ts'
import { AppError, fail, jsonReply } from '../../protocol/index.ts'
import type { Exchange, Permission, Reply, Route } from '../../protocol/index.ts'
import { JsonError, parseJsonQuick } from '../../tensor/index.ts'
import type { Fields, Raw, Values } from './fields.ts'
import { notJson, object } from './fields.ts'
import { mlflowError } from './mlflow-error.ts'

export interface EndpointContext {
  readonly registry: Registry
  readonly actor: Actor
}

/** One endpoint of MLflow's REST API as data. */
export interface Endpoint {
  readonly method: Route['method']
  /** Below `/api/2.0/mlflow/`, or that of the version named. */
  readonly path: string
  readonly version?: '3.0'
  readonly needs: Permission
  readonly doc: string
  /** Takes the fields of body, query and path together; gives the reply's JSON. */
  answer(context: EndpointContext, input: Raw): Promise<object>
}

interface EndpointSpec<F extends Fields> extends Omit<Endpoint, 'answer'> {
  readonly input: F
  run(context: EndpointContext, input: Values<F>): Promise<object>
}

/** Makes an endpoint whose `run` gets its fields read and typed. */
export const endpoint = <F extends Fields>({ input, run, ...rest }: EndpointSpec<F>): Endpoint => {
  const fields = object(input)
  return {
    ...rest,
    answer(context, raw) {
      const values = fields.read(raw, '')
      if (values === undefined) throw fail('invalid_parameter', { reason: 'The request must be a JSON object.' })
      return run(context, values)
    },
  }
}

/** The longest lists of a request have a hundred thousand items; more than this many values would keep others waiting. */
const jsonLimits = { depthMax: 50, valuesMax: 1_000_000 }

/** Very old clients send the JSON object as a JSON text. */
const readJson = (bytes: Uint8Array): Raw => {
  const value = parseJsonQuick(bytes, jsonLimits)
  return typeof value === 'string' ? parseJsonQuick(new TextEncoder().encode(value), jsonLimits) : value
}

const readBody = async (exchange: Exchange): Promise<Raw> => {
  const bytes = await exchange.body()
  if (exchange.method === 'POST' || exchange.method === 'PUT') {
    const type = exchange.header('content-type')?.split(';')[0]?.trim().toLowerCase()
    if (type !== 'application/json')
      throw fail('invalid_parameter', { reason: "Bad Request. Content-Type must be 'application/json'." })
  }
  if (bytes.length === 0) return {}
  try {
    return readJson(bytes)
  } catch (error) {
    if (error instanceof JsonError) throw notJson(error)
    throw error
  }
}

const readQuery = (query: URLSearchParams): Record<string, string | string[]> => {
  const values: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>
  for (const key of new Set(query.keys())) {
    const all = query.getAll(key)
    values[key] = all.length === 1 ? (all[0] ?? '') : all
  }
  return values
}

/** The fields of a request: its body or, of GET, its query, and those of its path. */
export const readInput = async (exchange: Exchange): Promise<Raw> => {
  const given = exchange.method === 'GET' ? readQuery(exchange.query) : await readBody(exchange)
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return given
  return { ...given, ...exchange.params }
}

/** Answers a failure in MLflow's shape; whatever is unexpected goes on to the door, which logs it. */
export const inMlflowShape = async (answer: () => Promise<Reply>): Promise<Reply> => {
  try {
    return await answer()
  } catch (error) {
    if (error instanceof SearchError) return mlflowError(fail('invalid_parameter', { reason: error.message }, error))
    if (error instanceof AppError) return mlflowError(error)
    throw error
  }
}

export interface EndpointDeps {
  readonly registry: Registry
}

const prefixes = ['/api', '/ajax-api']

/** The routes of an endpoint: each prefix that clients use, for every version of the API that has it. */
export const endpointRoutes = (endpoints: readonly Endpoint[], deps: EndpointDeps): Route[] =>
  endpoints.flatMap((each) =>
    prefixes.map((prefix) => ({
      method: each.method,
      path: `${prefix}/${each.version ?? '2.0'}/mlflow/${each.path}`,
      needs: each.needs,
      doc: each.doc,
      handle: (exchange) =>
        inMlflowShape(async () => {
          const context = { registry: deps.registry, actor: { name: 'anonymous' } }
          return jsonReply(await each.answer(context, await readInput(exchange)))
        }),
    })),
  )
