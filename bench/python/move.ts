import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runTool } from '../load/run-tool.ts'
import { mlflowPython } from '../peers/mlserver-mlflow.ts'
import type { Scenario, ScenarioContext } from '../scenario.ts'
import type { ServedModel } from '../served-model.ts'
import { startSlipway } from '../start-slipway.ts'
import { median, roundsText } from '../summary.ts'
import type { Figure } from '../summary.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { model, program } from './beside-mlserver.ts'

const ask = async (server: ServedModel, method: string, path: string, body?: unknown): Promise<unknown> => {
  const response = await fetch(`${server.http}${path}`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  })
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
  return response.json()
}

/** Registers a folder as the next version, as MLflow's client does. */
const register = async (server: ServedModel, folder: string, name: string): Promise<void> => {
  const root = `0/models/${name}`
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const url = `${server.http}/api/2.0/mlflow-artifacts/artifacts/${root}/${path.slice(folder.length + 1)}`
    const response = await fetch(url, { method: 'PUT', body: await readFile(path) })
    if (!response.ok) throw new Error(`${url}: ${response.status}`)
  }
  const source = `mlflow-artifacts:/${root}`
  await ask(server, 'POST', '/api/2.0/mlflow/model-versions/create', { name: model, source })
}

const run = async (context: ScenarioContext): Promise<Figure[]> => {
  await using folder = await temporaryFolder()
  const python = await mlflowPython()
  const saved = join(folder.path, 'saved')
  await runTool(python, ['-W', 'ignore', program, saved])
  await using empty = await temporaryFolder()
  await using slipway = await startSlipway({ repository: empty.path, flags: [`--python=${python}`] })
  await ask(slipway, 'POST', '/api/2.0/mlflow/registered-models/create', { name: model })
  for (const name of ['first', 'second']) await register(slipway, saved, name)
  /** Milliseconds until the version that an alias has moved to answers. */
  const move = async (version: string): Promise<number> => {
    const startedAt = performance.now()
    const alias = { name: model, alias: 'champion', version }
    await ask(slipway, 'POST', '/api/2.0/mlflow/registered-models/alias', alias)
    const reply = (await ask(slipway, 'POST', '/predict', { data: [[0.1, 0.2, 0.3, 0.4]] })) as { version: string }
    if (reply.version !== version) throw new Error(`version ${reply.version} answered instead of ${version}`)
    return performance.now() - startedAt
  }
  await ask(slipway, 'POST', '/api/2.0/mlflow/registered-models/alias', {
    name: model,
    alias: 'champion',
    version: '1',
  })
  await ask(slipway, 'PUT', `/api/slipway/v1/endpoints/${model}`, { reference: `models:/${model}@champion` })
  const cold = await move('2')
  const warm: number[] = []
  for (let round = 0; round < (context.quick ? 4 : 20); round++) warm.push(await move(round % 2 === 0 ? '1' : '2'))
  return [
    {
      id: 'move.cold',
      text: 'alias moved to a version that must load, to its first answer',
      unit: 'ms',
      value: cold,
      note: '',
    },
    {
      id: 'move.warm',
      text: 'alias moved to a loaded version, to its first answer',
      unit: 'ms',
      value: median(warm),
      note: roundsText(warm),
    },
  ]
}

export const aliasMove: Scenario = {
  name: 'move',
  doc: 'how long an alias takes to move a Python model, by the API of MLflow, until the new version answers',
  run,
}
