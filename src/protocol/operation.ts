import type { Exchange, Permission, Reply, Route } from './route.ts'
import { jsonReply } from './route.ts'
import type { ObjectShape, Shape } from './shape.ts'

/** A JSON schema, as far as the reference needs it. */
export type Schema = Readonly<Record<string, unknown>>

/** One operation of Slipway's own API. Routes and the OpenAPI document are made of the same table. */
export interface Operation {
  /** `area.verbNoun`, unique. */
  readonly name: string
  readonly method: Route['method']
  /** Below /api/slipway/v1. */
  readonly path: string
  readonly needs: Permission
  readonly doc: string
  /** Parameters of the query: name and meaning. */
  readonly query?: Readonly<Record<string, string>>
  /** What it takes: fields of the path, the others in the query of a GET or DELETE, else in a JSON body. */
  readonly input?: ObjectShape
  /** Media type of a request body that is a file. */
  readonly file?: string
  readonly output: Schema
  run(exchange: Exchange): unknown
}

export const apiRoot = '/api/slipway/v1'

/** The route that serves an operation. */
export const operationRoute = (operation: Operation): Route => ({
  method: operation.method,
  path: `${apiRoot}${operation.path}`,
  needs: operation.needs,
  doc: operation.doc,
  handle: async (exchange): Promise<Reply> => jsonReply(await operation.run(exchange)),
})

const parametersOf = (operation: Operation): Schema[] => [
  ...[...operation.path.matchAll(/\{(\w+)\}/g)].map((match) => ({
    name: match[1],
    in: 'path',
    required: true,
    schema: { type: 'string' },
  })),
  ...Object.entries(operation.query ?? {}).map(([name, description]) => ({
    name,
    in: 'query',
    description,
    schema: { type: 'string' },
  })),
  ...(hasBody(operation) ? [] : besidePath(operation)).map(([name, schema]) => ({
    name,
    in: 'query',
    required: operation.input?.required?.includes(name) ?? false,
    schema,
  })),
]

/** Whether the fields of the input come in a JSON body. */
const hasBody = ({ method }: Operation): boolean => method !== 'GET' && method !== 'DELETE'

const besidePath = ({ path, input }: Operation): [string, Shape][] =>
  Object.entries(input?.properties ?? {}).filter(([name]) => !path.includes(`{${name}}`))

const jsonBody = (operation: Operation): Schema => {
  const fields = besidePath(operation)
  if (!hasBody(operation) || fields.length === 0) return {}
  const names = new Set(fields.map(([name]) => name))
  const required = (operation.input?.required ?? []).filter((name) => names.has(name))
  const schema = { type: 'object', properties: Object.fromEntries(fields), required, additionalProperties: false }
  return { requestBody: { required: required.length > 0, content: { 'application/json': { schema } } } }
}

/** The OpenAPI 3.1 document of a list of operations. */
export const openApi = (operations: readonly Operation[], version: string): Schema => {
  const paths: Record<string, Record<string, Schema>> = {}
  for (const operation of operations) {
    const item = (paths[`${apiRoot}${operation.path}`] ??= {})
    item[operation.method.toLowerCase()] = {
      operationId: operation.name,
      summary: operation.doc,
      'x-permission': operation.needs,
      parameters: parametersOf(operation),
      ...jsonBody(operation),
      ...(operation.file === undefined
        ? {}
        : {
            requestBody: {
              required: true,
              content: { [operation.file]: { schema: { type: 'string', format: 'binary' } } },
            },
          }),
      responses: {
        '200': { description: 'done', content: { 'application/json': { schema: operation.output } } },
        default: {
          description: 'refused',
          content: {
            'application/json': {
              schema: { type: 'object', required: ['error'], properties: { error: { type: 'string' } } },
            },
          },
        },
      },
    }
  }
  return { openapi: '3.1.0', info: { title: 'Slipway', version }, paths }
}
