import { fail, jsonReply } from '../../protocol/index.ts'
import type { Exchange, Route } from '../../protocol/index.ts'
import { JsonError, parseJson } from '../../tensor/index.ts'
import type { JsonValue } from '../../tensor/index.ts'
import type { ModelManager } from '../../serving/index.ts'
import { repositoryIndex } from './metadata.ts'
import type { ModelLoads } from './model-loads.ts'

export interface RepositoryDeps {
  readonly models: ModelManager
  readonly loads: ModelLoads
}

type JsonObject = { readonly [key: string]: JsonValue }

/** Triton's model repository extension: index, load, unload. */
export const repositoryRoutes = (deps: RepositoryDeps): Route[] => [
  {
    method: 'POST',
    path: '/v2/repository/index',
    needs: 'model.read',
    doc: 'Every model of the repositories with state and reason; {"ready": true} for those that serve.',
    handle: async (exchange) =>
      jsonReply(repositoryIndex(deps.models, (await readJsonBody(exchange))['ready'] === true)),
  },
  {
    method: 'POST',
    path: '/v2/repository/models/{model}/load',
    needs: 'model.write',
    doc: 'Loads or reloads a model; parameters: config (JSON), file:VERSION/NAME (base64).',
    handle: async (exchange) => {
      const parameters = objectOf((await readJsonBody(exchange))['parameters'])
      await deps.loads.load(exchange.params['model'] ?? '', loadParameters(parameters))
      return jsonReply({})
    },
  },
  {
    method: 'POST',
    path: '/v2/repository/models/{model}/unload',
    needs: 'model.write',
    doc: 'Takes a model out of service; requests inside finish.',
    handle: async (exchange) => {
      await readJsonBody(exchange)
      await deps.models.unload(exchange.params['model'] ?? '')
      return jsonReply({})
    },
  },
  ...['index', 'models/{model}/load', 'models/{model}/unload'].map((suffix): Route => ({
    method: 'POST',
    path: `/v2/repository/{repository}/${suffix}`,
    needs: suffix === 'index' ? 'model.read' : 'model.write',
    doc: 'Refused with 501: repositories have no names here.',
    handle: refuseRepository,
  })),
]

/** Triton refuses names of repositories as well. */
export const refuseRepository = (): never => {
  throw fail('unsupported', { what: 'naming a model repository' })
}

/** Of these requests only the files may be large, and each of those is one value; so the main thread can read them. */
const jsonLimits = { depthMax: 20, valuesMax: 10_000 }

/** A JSON body of few values that must be an object; an empty body is an empty object. */
const readJsonBody = async (exchange: Exchange): Promise<JsonObject> => {
  const body = await exchange.body()
  if (body.length === 0) return {}
  try {
    return objectOf(parseJson(body, jsonLimits))
  } catch (error) {
    if (error instanceof JsonError) throw fail('invalid_json', { reason: error.message }, error)
    throw error
  }
}

const objectOf = (value: JsonValue | undefined): JsonObject => {
  if (value === undefined || value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value))
    throw fail('invalid_request', { reason: 'expected a JSON object' })
  return value
}

const loadParameters = (parameters: JsonObject): { config: string | undefined; files: Map<string, Uint8Array> } => {
  const files = new Map<string, Uint8Array>()
  let config: string | undefined
  for (const [name, value] of Object.entries(parameters)) {
    if (name === 'config') {
      if (typeof value !== 'string')
        throw fail('invalid_request', { reason: "parameter 'config' must be a string of JSON" })
      config = value
    } else if (name.startsWith('file:')) {
      if (typeof value !== 'string')
        throw fail('invalid_request', { reason: `parameter '${name}' must be a base64 string` })
      files.set(name.slice('file:'.length), decodeBase64(name, value))
    } else {
      throw fail('invalid_request', {
        reason: `unknown load parameter '${name}'; known are config and file:VERSION/NAME`,
      })
    }
  }
  return { config, files }
}

const decodeBase64 = (name: string, text: string): Uint8Array => {
  if (!isBase64(text)) throw fail('invalid_request', { reason: `parameter '${name}' is not base64` })
  return Buffer.from(text, 'base64')
}

/** Looks at each character once or twice, whatever the text: a client must not be able to make this slow. */
const isBase64 = (text: string): boolean => {
  const end = text.indexOf('=')
  const padding = end < 0 ? '' : text.slice(end).replaceAll(/\s/g, '')
  return !/[^A-Za-z0-9+/=\s]/.test(text) && (padding === '' || padding === '=' || padding === '==')
}
