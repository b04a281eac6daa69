import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runTool } from '../load/run-tool.ts'
import type { WrkRequest } from '../load/wrk.ts'
import { engineTimeMs } from '../engine-time.ts'
import type { EngineInput } from '../engine-time.ts'
import { sampleValues } from '../infer-request.ts'
import { mlflowPython } from '../peers/mlserver-mlflow.ts'
import type { Scenario, ScenarioContext } from '../scenario.ts'
import type { ServedModel } from '../served-model.ts'
import { startSlipway } from '../start-slipway.ts'
import { median, numberText, ratio, roundsText } from '../summary.ts'
import type { Figure } from '../summary.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { measured, model, program, request } from './beside-mlserver.ts'
import type { OwnTimes } from './beside-mlserver.ts'

const slipwayProgram = fileURLToPath(new URL('../../bin/slipway.mjs', import.meta.url))
const converted = 'converted'

interface Metadata {
  readonly inputs: readonly { readonly name: string; readonly datatype: string; readonly shape: readonly number[] }[]
}

/** Rows for whatever inputs the converted model has. */
const inputsFor = async (server: ServedModel, rows: number): Promise<readonly EngineInput[]> => {
  const response = await fetch(`${server.http}/v2/models/${converted}`)
  const { inputs } = (await response.json()) as Metadata
  return inputs.map(({ name, datatype, shape }) => {
    const sizes = shape.map((size, index) => (index === 0 ? rows : Math.max(1, size)))
    const values = sampleValues(sizes.reduce((product, size) => product * size, 1))
    return { name, shape: sizes, values: datatype === 'FP64' ? Float64Array.from(values) : values }
  })
}

const requestOf = (server: ServedModel, inputs: readonly EngineInput[]): WrkRequest => {
  const body = {
    inputs: inputs.map(({ name, shape, values }) => ({
      name,
      shape,
      datatype: values instanceof Float64Array ? 'FP64' : 'FP32',
      data: [...values],
    })),
  }
  return {
    url: `${server.http}/v2/models/${converted}/infer`,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(body)),
  }
}

const compare = async (server: ServedModel, rows: number, context: ScenarioContext): Promise<Figure[]> => {
  const load = { clients: 32, seconds: context.quick ? 1 : 5 }
  const original: number[] = []
  const onnx: number[] = []
  const asked = requestOf(server, await inputsFor(server, rows))
  for (let round = 1; round <= (context.quick ? 1 : 5); round++) {
    original.push((await measured(server, request(server, rows), load)).perSecond)
    onnx.push((await measured(server, asked, load)).perSecond)
    const [python, converted] = [original.at(-1) ?? 0, onnx.at(-1) ?? 0].map(numberText)
    context.log(`round ${round}, rows ${rows}: Python ${python}/s, ONNX ${converted}/s`)
  }
  const what = `${rowsText(rows)} a request`
  const figure = (id: string, text: string, rounds: readonly number[]): Figure => ({
    id: `converted.${id}.${rows}`,
    text: `${text}, ${what}, 32 clients`,
    unit: 'requests/s',
    value: median(rounds),
    note: roundsText(rounds),
  })
  return [
    figure('python', 'the Python model', original),
    figure('onnx', 'converted to ONNX', onnx),
    {
      id: `converted.ratio.${rows}`,
      text: `ONNX : Python, ${what}, through the server`,
      unit: 'times',
      value: ratio(median(onnx), median(original)),
      note: 'converted by slipway convert, which proved them equal; the doors cost both the same',
    },
  ]
}

const rowsText = (rows: number): string => (rows === 1 ? 'one row' : `${rows} rows`)

/** The engines alone, each in a process of its own without a server: what the doors above can't be faster than. */
const compareEngines = async (
  folder: string,
  rows: number,
  { inputs, pythonMs }: { readonly inputs: readonly EngineInput[]; readonly pythonMs: number },
): Promise<Figure[]> => {
  const file = join(folder, converted, '1', 'model.onnx')
  const onnxMs = await engineTimeMs({ inputs, file, runs: 2000 })
  const figure = (id: string, text: string, ms: number): Figure => ({
    id: `converted.engine.${id}.${rows}`,
    text: `${text}, ${rowsText(rows)} a run, in a loop without a server`,
    unit: 'runs/s',
    value: 1000 / ms,
    note: `${numberText(ms)} ms a run`,
  })
  return [
    figure('python', "the Python model's own predict", pythonMs),
    figure('onnx', 'converted to ONNX', onnxMs),
    {
      id: `converted.engine.ratio.${rows}`,
      text: `ONNX : Python, ${rowsText(rows)} a run, the engines alone`,
      unit: 'times',
      value: ratio(pythonMs, onnxMs),
    },
  ]
}

const run = async (context: ScenarioContext): Promise<Figure[]> => {
  await using folder = await temporaryFolder()
  const python = await mlflowPython()
  const saved = join(folder.path, model, '1')
  const own = JSON.parse(await runTool(python, ['-W', 'ignore', program, saved])) as OwnTimes
  const flags = ['--output', folder.path, '--name', converted, '--python', python]
  await runTool(process.execPath, [slipwayProgram, 'convert', saved, ...flags])
  await using slipway = await startSlipway({
    repository: folder.path,
    models: [model, converted],
    flags: [`--python=${python}`],
  })
  const figures: Figure[] = []
  for (const rows of [1, 64]) figures.push(...(await compare(slipway, rows, context)))
  for (const [rows, pythonMs] of [
    [1, own.one],
    [64, own.batch],
  ] as const) {
    const inputs = await inputsFor(slipway, rows)
    figures.push(...(await compareEngines(folder.path, rows, { inputs, pythonMs })))
  }
  return figures
}

export const convertedOnnx: Scenario = {
  name: 'converted',
  doc: 'the same pipeline as a Python model and converted to ONNX',
  run,
}
