import type { RegistryServer } from '../peers/mlflow.ts'
import { startSlipway } from '../start-slipway.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { ask } from './clients.ts'
import { modelName } from './operations.ts'

/** Slipway with no model, as a registry alone. */
export const startRegistry = async (): Promise<RegistryServer> => {
  const repository = await temporaryFolder()
  const server = await startSlipway({ repository: repository.path })
  return {
    name: 'Slipway',
    http: server.http,
    pid: server.pid,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await repository[Symbol.asyncDispose]()
    },
  }
}

const api = '/api/2.0/mlflow'

export const createRun = async (http: string): Promise<string> => {
  const body = JSON.stringify({ experiment_id: '0', start_time: 1 })
  const call = { method: 'POST', path: `${api}/runs/create`, body } as const
  return (await ask<{ run: { info: { run_id: string } } }>(http, call)).run.info.run_id
}

/** A model with one version, whose alias is asked for. */
export const createModel = async (http: string, runId: string): Promise<void> => {
  const post = (path: string, body: unknown): Promise<unknown> =>
    ask(http, { method: 'POST', path: `${api}/${path}`, body: JSON.stringify(body) })
  await post('registered-models/create', { name: modelName })
  const source = `mlflow-artifacts:/0/${runId}/artifacts/model`
  await post('model-versions/create', { name: modelName, source, run_id: runId })
  await post('registered-models/alias', { name: modelName, alias: 'champion', version: '1' })
}
