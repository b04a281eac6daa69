import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BenchInput } from '../infer-request.ts'
import { sampleValues } from '../infer-request.ts'
import { runTool } from '../load/run-tool.ts'
import type { Load, Speed } from '../load/speed.ts'
import { runWrk } from '../load/wrk.ts'
import type { WrkRequest } from '../load/wrk.ts'
import { mlflowPython, mlserverMlflowVersions, startMlserverMlflow } from '../peers/mlserver-mlflow.ts'
import type { Scenario, ScenarioContext } from '../scenario.ts'
import type { ServedModel } from '../served-model.ts'
import { startSlipway } from '../start-slipway.ts'
import { median, numberText, ratio, roundsText } from '../summary.ts'
import type { Figure } from '../summary.ts'
import { temporaryFolder } from '../temporary-folder.ts'

export const model: BenchInput['model'] = 'table'
export const program = fileURLToPath(new URL('model.py', import.meta.url))
const columns = ['f0', 'f1', 'f2', 'f3']
const tableRows = 10_000

/** Columns of doubles, as the binary tensor extension or as JSON. */
export const request = (server: ServedModel, rows: number, form: 'json' | 'binary'): WrkRequest => {
  const values = Float64Array.from(sampleValues(rows))
  const shape = [rows, 1]
  const url = `${server.http}/v2/models/${model}/infer`
  if (form === 'json') {
    const inputs = columns.map((name) => ({ name, shape, datatype: 'FP64', data: [...values] }))
    return { url, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify({ inputs })) }
  }
  const parameters = { binary_data_size: values.byteLength }
  const inputs = columns.map((name) => ({ name, shape, datatype: 'FP64', parameters }))
  const head = Buffer.from(JSON.stringify({ inputs, parameters: { binary_data_output: true } }))
  return {
    url,
    headers: {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(head.byteLength),
    },
    body: Buffer.concat([head, ...columns.map(() => Buffer.from(values.buffer))]),
  }
}

export const measured = async (server: ServedModel, what: WrkRequest, load: Load): Promise<Speed> => {
  const speed = await runWrk(what, load)
  if (speed.failed > 0) throw new Error(`${server.name} failed ${speed.failed} of ${speed.count} requests`)
  return speed
}

/** MLServer gets the setup in which it is fastest. */
const fastestWorkers = async (folder: string, { log }: ScenarioContext): Promise<0 | 1> => {
  const found: { readonly workers: 0 | 1; readonly perSecond: number }[] = []
  for (const workers of [0, 1] as const) {
    await using server = await startMlserverMlflow(model, folder, workers)
    await measured(server, request(server, 1, 'json'), { clients: 32, seconds: 1 })
    const { perSecond } = await measured(server, request(server, 1, 'json'), { clients: 32, seconds: 2 })
    log(`MLServer with ${workers} workers: ${numberText(perSecond)}/s`)
    found.push({ workers, perSecond })
  }
  return found.toSorted((a, b) => b.perSecond - a.perSecond)[0]?.workers ?? 0
}

const run = async (context: ScenarioContext): Promise<Figure[]> => {
  await using folder = await temporaryFolder()
  const python = await mlflowPython()
  const saved = join(folder.path, model, '1')
  const own = JSON.parse(await runTool(python, ['-W', 'ignore', program, saved])) as { one: number; table: number }
  const workers = await fastestWorkers(saved, context)
  await using slipway = await startSlipway({
    repository: folder.path,
    models: [model],
    flags: [`--python=${python}`],
  })
  await using mlserver = await startMlserverMlflow(model, saved, workers)
  const seconds = context.quick ? 1 : 5
  const ours: number[] = []
  const theirs: number[] = []
  const one: number[] = []
  const table: number[] = []
  for (let round = 1; round <= (context.quick ? 1 : 5); round++) {
    for (const [server, rounds] of [
      [slipway, ours],
      [mlserver, theirs],
    ] as const) {
      const { perSecond } = await measured(server, request(server, 1, 'json'), { clients: 32, seconds })
      rounds.push(perSecond)
      context.log(`round ${round} ${server.name}: ${numberText(perSecond)}/s`)
    }
    one.push((await measured(slipway, request(slipway, 1, 'json'), { clients: 1, seconds })).p50Ms)
    table.push((await measured(slipway, request(slipway, tableRows, 'binary'), { clients: 1, seconds })).p50Ms)
  }
  const versions = Object.entries(await mlserverMlflowVersions()).map(([name, version]) => `${name} ${version}`)
  return [
    {
      id: 'mlflow.perSecond',
      text: 'Slipway, 32 clients',
      unit: 'requests/s',
      value: median(ours),
      note: roundsText(ours),
    },
    {
      id: 'mlflow.mlserver',
      text: 'MLServer, 32 clients',
      unit: 'requests/s',
      value: median(theirs),
      note: roundsText(theirs),
    },
    {
      id: 'mlflow.ratio',
      text: 'Slipway : MLServer',
      unit: 'times',
      value: ratio(median(ours), median(theirs)),
      note: `${workers} workers; ${versions.join(', ')}`,
    },
    {
      id: 'mlflow.above',
      text: "p50 at one client above the model's own predict",
      unit: 'ms',
      value: median(one) - own.one,
      note: `${numberText(own.one)} ms of its own; ${roundsText(one)}`,
    },
    {
      id: 'mlflow.table',
      text: `a table of ${tableRows} rows : the model's own predict`,
      unit: 'times',
      value: ratio(median(table), own.table),
      note: `${numberText(own.table)} ms of its own; ${roundsText(table)}`,
    },
  ]
}

export const besideMlserverMlflow: Scenario = {
  name: 'mlflow',
  doc: "a scikit-learn model saved by MLflow beside MLServer's runtime for MLflow, in one interpreter",
  run,
}
