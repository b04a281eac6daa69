import { inferBody } from '../../src/testing/index.ts'
import { expectOk } from './registered-version.ts'
import type { SpawnedServer } from './spawn-server.ts'

/** What tests ask of a server whose endpoint `fraud` follows `models:/fraud@champion`. */
export const fraudCalls = ({ http }: Pick<SpawnedServer, 'http'>) => {
  const fetchPath = (path: string, init?: RequestInit): Promise<Response> => fetch(new URL(path, http), init)
  const post = (path: string, body?: unknown): Promise<Response> =>
    fetchPath(path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })
  const answer = async (): Promise<[string, number]> => {
    const reply = await expectOk(await post('/v2/models/fraud/infer', inferBody([10])))
    const [output] = reply['outputs'] as { data: number[] }[]
    return [String(reply['model_version']), Number(output?.data[0])]
  }
  const aliased = async (): Promise<string> => {
    const path = '/api/2.0/mlflow/registered-models/alias?name=fraud&alias=champion'
    const { model_version: version } = await expectOk(await fetchPath(path))
    return (version as { version: string }).version
  }
  return { fetch: fetchPath, post, answer, aliased }
}
