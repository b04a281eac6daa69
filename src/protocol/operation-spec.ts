import type { Permission, Route } from './route.ts'
import type { ObjectShape, Shape } from './shape.ts'

/** An operation of the registry as data; what runs it is bound to it on the server, what calls it in the client. */
export interface RegistryOperationSpec {
  readonly method: Route['method']
  /** Below /api/slipway/v1; names in braces are fields of the input. */
  readonly path: string
  readonly needs: Permission
  readonly doc: string
  readonly input: ObjectShape
}

const pathFields = (path: string): string[] => [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '')

/** Makes the operations of one method and permission. */
export const operationsOf =
  (method: Route['method'], needs: Permission) =>
  (
    path: string,
    doc: string,
    fields: Readonly<Record<string, Shape>> = {},
    required: readonly string[] = [],
  ): RegistryOperationSpec => {
    const inPath = pathFields(path)
    const properties = { ...Object.fromEntries(inPath.map((field) => [field, textShape])), ...fields }
    return { method, needs, path, doc, input: { type: 'object', properties, required: [...inPath, ...required] } }
  }

export const textShape: Shape = { type: 'string' }
export const timeShape: Shape = { type: 'integer', minimum: 0, description: 'Unix ms' }
export const tagShape: ObjectShape = {
  type: 'object',
  properties: { key: textShape, value: textShape },
  required: ['key', 'value'],
}
export const runStatusShape: Shape = { type: 'string', enum: ['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED'] }
export const stageShape: Shape = { type: 'string', enum: ['None', 'Staging', 'Production', 'Archived'] }

/** What operations on the registry do, by the permission that it takes. */
export const registryVerbs = {
  read: operationsOf('GET', 'registry.read'),
  query: operationsOf('POST', 'registry.read'),
  create: operationsOf('POST', 'registry.write'),
  put: operationsOf('PUT', 'registry.write'),
  change: operationsOf('PATCH', 'registry.write'),
  remove: operationsOf('DELETE', 'registry.write'),
} as const
