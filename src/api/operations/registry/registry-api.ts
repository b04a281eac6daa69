import { fail, readShape, registryOperations } from '../../../protocol/index.ts'
import type { Exchange, ObjectShape, Operation, RegistryOperationName } from '../../../protocol/index.ts'
import type { Registry } from '../../../registry/index.ts'
import { SearchError } from '../../../registry/index.ts'
import { JsonError, parseJsonQuick } from '../../../tensor/index.ts'
import { endpointHandlers } from './endpoint-handlers.ts'
import { experimentHandlers } from './experiment-handlers.ts'
import { garbageHandlers } from './garbage-handlers.ts'
import type { Handler, Handlers } from './handler.ts'
import { importHandlers } from './import-handlers.ts'
import { auditHandlers, lineageHandlers } from './lineage-handlers.ts'
import { loggedModelHandlers } from './logged-model-handlers.ts'
import { promotionHandlers } from './promotion-handlers.ts'
import { promptHandlers } from './prompt-handlers.ts'
import { registeredModelHandlers } from './registered-model-handlers.ts'
import { requireNoNul } from './require-no-nul.ts'
import { runHandlers } from './run-handlers.ts'
import { traceHandlers } from './trace-handlers.ts'
import { versionHandlers } from './version-handlers.ts'
import { webhookHandlers } from './webhook-handlers.ts'

const handlers: Handlers<string> = {
  ...experimentHandlers,
  ...runHandlers,
  ...loggedModelHandlers,
  ...registeredModelHandlers,
  ...versionHandlers,
  ...promptHandlers,
  ...promotionHandlers,
  ...endpointHandlers,
  ...traceHandlers,
  ...lineageHandlers,
  ...auditHandlers,
  ...garbageHandlers,
  ...importHandlers,
  ...webhookHandlers,
}

/** An import of as many points as one takes has about three million values. */
const jsonLimits = { depthMax: 20, valuesMax: 5_000_000 }

const readJson = (bytes: Uint8Array): unknown => {
  if (bytes.length === 0) return {}
  try {
    return parseJsonQuick(bytes, jsonLimits)
  } catch (error) {
    if (error instanceof JsonError)
      throw fail('invalid_request', { reason: `the body is not JSON: ${error.message}` }, error)
    throw error
  }
}

/** Fields of a query; those that are lists may be repeated. */
const readQuery = (query: URLSearchParams, { properties }: ObjectShape): Record<string, unknown> =>
  Object.fromEntries(
    [...new Set(query.keys())].map((key) => {
      const isList = Object.hasOwn(properties, key) && properties[key]?.type === 'array'
      return [key, isList ? query.getAll(key) : query.get(key)]
    }),
  )

const readInput = async (exchange: Exchange, shape: ObjectShape): Promise<unknown> => {
  const bare = exchange.method === 'GET' || exchange.method === 'DELETE'
  const given = bare ? readQuery(exchange.query, shape) : readJson(await exchange.body())
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw fail('invalid_request', { reason: 'the body must be a JSON object' })
  return readShape(shape, { ...given, ...exchange.params })
}

const reasonOf = (input: unknown): string | undefined => (input as { readonly reason?: string }).reason

/** The registry's operations. What is registered is looked at only when one of them runs. */
export const registryApi = (registry: Registry): Operation[] =>
  Object.entries(registryOperations).map(([name, spec]) => ({
    ...spec,
    name,
    output: { type: 'object' },
    async run(exchange) {
      const input = await readInput(exchange, spec.input)
      // An import refuses the records that hold one, and goes on with the others.
      if (!name.startsWith('import.')) requireNoNul(input)
      // The table says that the handler of a name takes what the shape of that name reads.
      const handle = handlers[name as RegistryOperationName] as Handler<RegistryOperationName>
      try {
        return await handle(input as never, { registry, actor: { name: 'anonymous', reason: reasonOf(input) } })
      } catch (error) {
        if (error instanceof SearchError) throw fail('invalid_request', { reason: error.message }, error)
        throw error
      }
    },
  }))
