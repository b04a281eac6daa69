import type { Exchange, Permission, Reply, Route } from './route.ts'
import { jsonReply } from './route.ts'

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
]

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
