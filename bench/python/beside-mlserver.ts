import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BenchInput } from '../infer-request.ts'
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
import { tableFormNames, tableForms } from './table-forms.ts'
import type { TableFormName } from './table-forms.ts'

export const model: BenchInput['model'] = 'table'
export const program = fileURLToPath(new URL('model.py', import.meta.url))
const tableRows = 10_000

/** How long the model's own predict takes, in ms, as its program prints it. */
export interface OwnTimes {
  readonly one: number
  /** 64 rows. */
  readonly batch: number
  /** 10,000 rows. */
  readonly table: number
}

/** Columns of doubles as JSON. */
export const request = (server: ServedModel, rows: number): WrkRequest => tableForms.json.request(server, model, rows)

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
    await measured(server, request(server, 1), { clients: 32, seconds: 1 })
    const { perSecond } = await measured(server, request(server, 1), { clients: 32, seconds: 2 })
    log(`MLServer with ${workers} workers: ${numberText(perSecond)}/s`)
    found.push({ workers, perSecond })
  }
  return found.toSorted((a, b) => b.perSecond - a.perSecond)[0]?.workers ?? 0
}

const run = async (context: ScenarioContext): Promise<Figure[]> => {
  await using folder = await temporaryFolder()
  const python = await mlflowPython()
  const saved = join(folder.path, model, '1')
  const own = JSON.parse(await runTool(python, ['-W', 'ignore', program, saved])) as OwnTimes
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
  const tables = new Map<TableFormName, number[]>(tableFormNames.map((form) => [form, []]))
  for (let round = 1; round <= (context.quick ? 1 : 5); round++) {
    for (const [server, rounds] of [
      [slipway, ours],
      [mlserver, theirs],
    ] as const) {
      const { perSecond } = await measured(server, request(server, 1), { clients: 32, seconds })
      rounds.push(perSecond)
      context.log(`round ${round} ${server.name}: ${numberText(perSecond)}/s`)
    }
    one.push((await measured(slipway, request(slipway, 1), { clients: 1, seconds })).p50Ms)
    for (const [form, rounds] of tables) {
      const asked = tableForms[form].request(slipway, model, tableRows)
      rounds.push((await measured(slipway, asked, { clients: 1, seconds: Math.ceil(seconds / 2) })).p50Ms)
    }
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
    ...[...tables].map(([form, rounds]) => ({
      id: `mlflow.table.${form}`,
      text: `a table of ${tableRows} rows ${tableForms[form].text} : the model's own predict`,
      unit: 'times',
      value: ratio(median(rounds), own.table),
      note: `${numberText(own.table)} ms of its own; ${roundsText(rounds)}`,
    })),
  ]
}

export const besideMlserverMlflow: Scenario = {
  name: 'mlflow',
  doc: "a scikit-learn model saved by MLflow beside MLServer's runtime for MLflow, in one interpreter",
  run,
}
