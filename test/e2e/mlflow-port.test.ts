import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/app/config/load-config.ts'
import { startTestApp } from '../../src/testing/index.ts'

const json = (url: string, method: string, body?: unknown): Promise<Response> =>
  fetch(url, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })

const statusOf = (url: string, headers: Readonly<Record<string, string>>): Promise<number | undefined> => {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
  request(url, { headers }, (response) => {
    response.resume()
    resolve(response.statusCode)
  })
    .on('error', reject)
    .end()
  return promise
}

describe('the port that clients of MLflow expect', () => {
  it('is 5000', () => {
    const { config } = loadConfig({ args: [], environment: {}, directory: '.' })
    expect(config.mlflow.port).toBe('5000')
  })

  it('has what the main one has, by both prefixes', async () => {
    await using app = await startTestApp({ flags: ['--mlflow-port', '0'] })
    const { http, mlflow = '' } = app.addresses
    expect(new URL(mlflow).hostname).toBe('127.0.0.1')
    expect(mlflow).not.toBe(http)
    expect(await (await fetch(`${mlflow}/health`)).text()).toBe('OK')
    const made = await json(`${mlflow}/api/2.0/mlflow/experiments/create`, 'POST', { name: 'fraud' })
    expect(made.status).toBe(200)
    for (const [url, prefix] of [
      [mlflow, 'api'],
      [mlflow, 'ajax-api'],
      [http, 'api'],
    ]) {
      const found = await fetch(`${url}/${prefix}/2.0/mlflow/experiments/get-by-name?experiment_name=fraud`)
      expect(await found.json()).toMatchObject({ experiment: { name: 'fraud' } })
    }
    const artifact = '/api/2.0/mlflow-artifacts/artifacts/1/file.txt'
    expect((await fetch(mlflow + artifact, { method: 'PUT', body: 'kept' })).status).toBe(200)
    expect(await (await fetch(http + artifact)).text()).toBe('kept')
    expect((await fetch(`${mlflow}/v2/health/ready`)).status).toBe(200)
  })

  it('refuses names of other hosts and pages of other origins, as the main one does', async () => {
    await using app = await startTestApp({ flags: ['--mlflow-port', '0'] })
    const url = `${app.addresses.mlflow}/api/2.0/mlflow/experiments/search?max_results=1`
    expect(await statusOf(url, {})).toBe(200)
    expect(await statusOf(url, { host: 'evil.test' })).toBe(403)
    expect(await statusOf(url, { origin: 'https://evil.test' })).toBe(403)
  })

  it('may be taken by somebody else, which only a line of the log tells', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    try {
      await using app = await startTestApp({ flags: ['--mlflow-port', String(port)] })
      expect(app.addresses.mlflow).toBeUndefined()
      expect(app.log).toContainEqual(expect.objectContaining({ event: 'mlflow.port_taken' }))
      expect((await app.fetch('/api/2.0/mlflow/experiments/search?max_results=1')).status).toBe(200)
    } finally {
      other.close()
    }
  })
})

describe('the guide to tracking', () => {
  it('shows a policy that is taken', async () => {
    await using app = await startTestApp()
    const guide = readFileSync('docs/guides/track-and-register.md', 'utf8')
    const policy = /```yaml\n(aliases:\n[\s\S]*?)```/.exec(guide)?.[1]
    const { http } = app.addresses
    await json(`${http}/api/2.0/mlflow/registered-models/create`, 'POST', { name: 'fraud' })
    const set = await json(`${http}/api/slipway/v1/registered-models/fraud/policy`, 'PUT', { policy })
    expect(await set.json()).toMatchObject({ model: 'fraud' })
    expect(set.status).toBe(200)
  })
})
