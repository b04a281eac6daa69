import { describe, expect, it } from 'vitest'
import { SlipwayClient } from './slipway-client.ts'

/** A client whose requests go nowhere but into `sent`. */
const recorder = (answer: unknown = {}): { client: SlipwayClient; sent: string[] } => {
  const sent: string[] = []
  const fetch = (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const { pathname, search } = new URL(url instanceof Request ? url.url : url)
    sent.push(`${init?.method ?? 'GET'} ${pathname}${search}`)
    return Promise.resolve(Response.json(answer))
  }
  return { client: new SlipwayClient({ url: 'http://127.0.0.1:1', fetch }), sent }
}

const refusal = (field: string): object => ({
  name: 'SlipwayError',
  code: 'invalid_request',
  status: 400,
  message: expect.stringContaining(`'${field}'`) as string,
})

describe('the paths of the client', () => {
  it('encode their fields, and never hold one that would lead elsewhere', async () => {
    const { client, sent } = recorder()
    await client.runs.deleteTag({ runId: 'r', key: 'a/../b?c#d' })
    await client.runs.get({ runId: '%2e%2e' })
    await client.registeredModels.get({ name: '...' })
    expect(sent).toEqual([
      'DELETE /api/slipway/v1/runs/r/tags/a%2F..%2Fb%3Fc%23d',
      'GET /api/slipway/v1/runs/%252e%252e',
      'GET /api/slipway/v1/registered-models/...',
    ])
  })

  it.each(['.', '..', '', '\ud800'])('are refused before anything is sent for a field %j', async (bad) => {
    const { client, sent } = recorder()
    await expect(client.runs.deleteTag({ runId: 'r', key: bad })).rejects.toMatchObject(refusal('key'))
    await expect(client.runs.delete({ runId: bad })).rejects.toMatchObject(refusal('runId'))
    await expect(client.modelVersions.delete({ name: 'm', version: bad })).rejects.toMatchObject(refusal('version'))
    await expect(client.endpoints.delete({ name: bad })).rejects.toMatchObject(refusal('name'))
    expect(sent).toEqual([])
  })

  it('are refused where a field is missing, which types alone tell', async () => {
    const { client, sent } = recorder()
    await expect(client.runs.delete({} as { runId: string })).rejects.toMatchObject(refusal('runId'))
    expect(sent).toEqual([])
  })

  it('of artifacts stay below their folder', async () => {
    const { client, sent } = recorder({ artifactUri: 'mlflow-artifacts:/1/r/artifacts' })
    const root = 'mlflow-artifacts:/1/r/artifacts'
    for (const path of ['../../other/artifacts/x', 'a/./b', 'a//b', '..']) {
      await expect(client.writeFile(root, path, 'x')).rejects.toMatchObject(refusal('path'))
      await expect(client.readFile(root, path)).rejects.toMatchObject(refusal('path'))
    }
    expect(sent).toEqual([])
    await expect(client.uploadArtifact('r', '../x', 'x')).rejects.toMatchObject(refusal('path'))
    expect(sent).toEqual(['GET /api/slipway/v1/runs/r'])
    await client.writeFile(root, 'a/b c.txt', 'x')
    expect(sent.at(-1)).toBe('PUT /api/2.0/mlflow-artifacts/artifacts/1/r/artifacts/a/b%20c.txt')
  })
})
